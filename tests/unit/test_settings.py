"""Settings: which are accepted; all problems are reported at once, each with key, permitted values and an example."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel, RootModel

import settings
from roles import POLICY_ENGINE, ROLES
from tests.support.certificates import authority
from tests.unit.support.parsing import parse, problems
from tests.unit.support.recording import ROOT, settings_with
from tests.unit.support.wrong_settings import WRONG


def test_the_smallest_stack_takes_the_document_s_values() -> None:
    parsed = parse(settings_with())
    assert parsed.policy_engines.count == 2
    assert parsed.datasource_node.node_id == "datasource-node"
    assert (parsed.datasource_node.monitor_interval, parsed.datasource_node.monitor_timeout) == ("30s", "30s")
    assert parsed.datasource_node.binary == "/usr/local/bin/congress-server"


def test_with_keystone_the_api_may_be_open_to_all_addresses() -> None:
    everywhere = {"sshCidrs": ["192.0.2.0/24"], "apiCidrs": ["0.0.0.0/0"]}
    assert parse(settings_with(auth="keystone", access=everywhere)).keystone == settings.Keystone()


@pytest.mark.parametrize(("change", "expected"), WRONG, ids=lambda value: json.dumps(value)[:50])
def test_a_wrong_setting_is_named_with_a_way_out(change: dict[str, Any], expected: list[str]) -> None:
    (problem,) = problems(settings_with(**change))
    for words in expected:
        assert words in problem
    assert "CANARY" not in problem


@pytest.mark.parametrize("key", ["image", "flavors", "network", "access", "auth"])
def test_a_missing_setting_is_named_with_an_example(key: str) -> None:
    values = settings_with()
    del values[key]
    (problem,) = problems(values)
    assert problem.startswith(f"congress-ha:{key}: is missing")
    assert f"pulumi config set --path 'congress-ha:{key}" in problem


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("keystone.login.password", {"keystone": {"login": {"username": "congress"}}}),
        (
            "datasourceNode.fencingLogin.password",
            {"datasourceNode": {"fencingLogin": {"username": "f", "project": "p"}}},
        ),
        ("tls.privateKey", {"tls": {"privateKey": "no key"}}),
    ],
)
def test_the_example_of_a_secret_encrypts_it_and_has_it_in_no_argument(
    name: str, change: dict[str, Any]
) -> None:
    (problem,) = [one for one in problems(settings_with(**change)) if f":{name}" in one]
    command = problem.partition("Example: ")[2]
    assert re.fullmatch(
        rf"pulumi config set --secret --path 'congress-ha:{re.escape(name)}'( < \S+)?", command
    )


def test_all_problems_are_reported_at_once() -> None:
    messages = problems({"policyEngines": {"count": 1, "perhost": 1}, "auth": "x", "image": "i", "more": "y"})
    keys = {problem.split(": ")[0] for problem in messages}
    assert keys == {
        "congress-ha:policyEngines.count",
        "congress-ha:policyEngines.perhost",
        "congress-ha:auth",
        "congress-ha:more",
        "congress-ha:flavors",
        "congress-ha:network",
        "congress-ha:access",
    }


def test_an_error_never_repeats_a_text_that_may_be_secret() -> None:
    (problem,) = problems(settings_with(guest={"pipIndexUrl": "ftp://user:CANARY@index"}))
    assert "CANARY" not in problem


@pytest.mark.parametrize("value", [471147, 47.1147])
def test_an_error_never_repeats_a_number_that_is_a_secret(value: float) -> None:
    login = {"username": "congress", "password": value}
    for change in (
        {"auth": "keystone", "keystone": {"login": login}},
        {"policies": "p", "policySecrets": {"a": value}},
    ):
        (problem,) = problems(settings_with(**change))
        assert "47" not in problem
        assert "should be an encrypted text; store it by: pulumi config set --secret --path" in problem


def declared() -> dict[str, dict[str, Any]]:
    keys: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"]
    return {key.removeprefix("congress-ha:"): value for key, value in keys.items()}


def test_pulumi_yaml_declares_every_key_with_its_default() -> None:
    fields = {field.alias: field for field in settings.Settings.model_fields.values()}
    assert set(declared()) == set(fields)
    for key, declaration in declared().items():
        assert declaration["description"]
        assert ("default" in declaration) != fields[key].is_required(), key
    defaults = {key: value["default"] for key, value in declared().items() if "default" in value}
    assert parse({**settings_with(), **defaults}) == parse(settings_with())


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_the_shipped_stacks_are_sound(stack: str) -> None:
    values = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text())["config"]
    parsed = parse({key.removeprefix("congress-ha:"): value for key, value in values.items()})
    assert parsed.policy_engines.count >= 2


def test_the_manual_names_every_key() -> None:
    text = (ROOT / "Pulumi.prod.yaml").read_text()

    def keys(model: type[BaseModel]) -> set[str]:
        """The keys of a model and of all sections in it; those of a map are the user's own."""
        if issubclass(model, RootModel):
            return set()
        fields = model.model_fields.values()
        inner = (keys(section) for field in fields for section in settings.models_in(field.annotation))
        return {str(field.alias) for field in fields}.union(*inner)

    assert {"policyEngines", "perHost", "fencingLogin", "userDomain", "loadBalancer"} <= keys(
        settings.Settings
    )
    for key in keys(settings.Settings):
        assert f"{key}:" in text, f"explain {key} in Pulumi.prod.yaml"


def test_a_file_that_cannot_be_reached_is_one_problem() -> None:
    (problem,) = problems(settings_with(guest={"caFiles": [f"/{'a' * 300}"]}))
    assert problem.startswith("congress-ha:guest.caFiles[0]: /aaa")
    assert "cannot be read: File name too long" in problem


def test_a_certificate_is_read_where_the_setting_says(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_text(authority().pem)
    assert parse(settings_with(guest={"caFiles": [str(file)]})).guest.ca_files == (file,)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is no PEM file of certificates"),
        (b"-----BEGIN CERTIFICATE-----\n", "is no PEM file of certificates"),
        (b"\x30\x82\xff", "is no PEM file of certificates"),
        ((authority().pem + authority().key).encode(), "holds a private key, which every host would get"),
    ],
    ids=["empty", "cut off", "binary", "with a key"],
)
def test_a_file_of_anything_but_certificates_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    file = tmp_path / "ca.pem"
    file.write_bytes(content)
    (problem,) = problems(settings_with(guest={"caFiles": [str(file)]}))
    assert problem.startswith(f"congress-ha:guest.caFiles[0]: {file} {reason}")


def test_the_network_has_room_for_the_hosts_and_not_for_each_engine() -> None:
    """24 hosts, because the cloud and the addresses of the subnet itself take eight of 32."""
    small = {"externalNetwork": "public", "cidr": "10.20.0.0/27"}
    others = sum(role.count(parse(settings_with())) for role in ROLES if role is not POLICY_ENGINE)
    room = 24 - others
    for count, per_host in ((room, 1), (2 * room, 2), (2 * room - 1, 2)):
        engines = {"count": count, "perHost": per_host}
        assert parse(settings_with(network=small, policyEngines=engines)).policy_engines.hosts == room
    (problem,) = problems(settings_with(network=small, policyEngines={"count": 2 * room + 1, "perHost": 2}))
    assert "too small for 25 hosts" in problem
