"""Settings: what is accepted, and that every problem is told at once, with its key, what is allowed, an example."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

import settings
from settings import SettingsError
from tests.certificates import authority
from tests.unit.recording import ROOT, settings_with


def parse(values: Mapping[str, Any]) -> settings.Settings:
    return settings.parse({k: v if isinstance(v, str) else json.dumps(v) for k, v in values.items()})


def problems(values: Mapping[str, Any]) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        parse(values)
    return caught.value.problems


def test_the_smallest_stack_takes_the_document_s_values() -> None:
    parsed = parse(settings_with())
    assert parsed.policy_engines.count == 2
    assert parsed.datasource_node.node_id == "datasource-node"
    assert (parsed.datasource_node.monitor_interval, parsed.datasource_node.monitor_timeout) == ("30s", "30s")
    assert parsed.datasource_node.binary == "/usr/local/bin/congress-server"


def test_with_keystone_the_api_may_be_open_to_all_addresses() -> None:
    everywhere = {"sshCidrs": ["192.0.2.0/24"], "apiCidrs": ["0.0.0.0/0"]}
    assert parse(settings_with(auth="keystone", access=everywhere)).keystone == settings.Keystone()


KEYSTONE_LOGIN = {"username": "congress", "password": "CANARY"}
# One change of the smallest stack, and what the one problem has to say.
WRONG: list[tuple[dict[str, Any], list[str]]] = [
    ({"policyEngine": {}}, ["congress-ha:policyEngine: no such setting", "policyEngines"]),
    ({"policyEngines": {"number": 2}}, ["congress-ha:policyEngines.number: no such setting", "count"]),
    ({"policyEngines": {"count": 1}}, ["congress-ha:policyEngines.count", "2", "is 1", "pulumi config set"]),
    ({"policyEngines": {"count": "two"}}, ["congress-ha:policyEngines.count", "integer"]),
    ({"policyEngines": {"count": True}}, ["congress-ha:policyEngines.count", "integer"]),
    (
        {"policyEngines": {"count": 2, "perHost": 2}},
        ["congress-ha:policyEngines", "one fault would end them all"],
    ),
    ({"policyEngines": "two"}, ["congress-ha:policyEngines", "object"]),
    (
        {"datasourceNode": {"nodeId": "policy-engine-1"}},
        ["congress-ha:datasourceNode.nodeId", "choose another"],
    ),
    ({"datasourceNode": {"monitorInterval": "fast"}}, ["congress-ha:datasourceNode.monitorInterval", "30s"]),
    ({"datasourceNode": {"binary": "x; rm -rf /"}}, ["congress-ha:datasourceNode.binary"]),
    (
        {"datasourceNode": {"additionalParameters": '" op x'}},
        ["congress-ha:datasourceNode.additionalParameters"],
    ),
    ({"datasourceNode": {"config": "congress.conf"}}, ["congress-ha:datasourceNode.config"]),
    *(
        (
            {"datasourceNode": {"config": path}},
            ["congress-ha:datasourceNode.config", "name that ends in .conf"],
        )
        for path in (
            "/etc/passwd",
            "/etc/mysql/my.conf",
            "/etc/congress/../passwd.conf",
            "/etc/congress.conf",
            "/etc/congress/keys/aes_key",
            "/etc/congress/api-paste.ini",
            "/etc/congress/.conf/../../shadow.conf",
        )
    ),
    (
        {"datasourceNode": {"config": "/home/stack/congress.conf"}},
        ["congress-ha:datasourceNode.config", "cannot read files in /home; choose another path"],
    ),
    (
        {"datasourceNode": {"binary": "/opt/../tmp/bin/congress-server"}},
        ["congress-ha:datasourceNode.binary", "cannot read files in /tmp; choose another path"],
    ),
    (
        {"datasourceNode": {"fencing": "ipmi"}},
        ["congress-ha:datasourceNode.fencing", "'openstack'", "'none'"],
    ),
    (
        {"datasourceNode": {"fencing": "fence_openstack"}},
        ["congress-ha:datasourceNode", "logs in by password: set fencingLogin"],
    ),
    (
        {"datasourceNode": {"fencingLogin": {"username": "u", "password": "p", "project": "x"}}},
        ["congress-ha:datasourceNode", "remove it"],
    ),
    ({"access": {"sshCidrs": [], "apiCidrs": ["10.0.0.0/8"]}}, ["congress-ha:access.sshCidrs"]),
    (
        {"access": {"sshCidrs": ["10.0.0.1/8"], "apiCidrs": ["10.1.0.0/16"]}},
        ["access.sshCidrs[0]", "host bits"],
    ),
    (
        {"access": {"sshCidrs": ["10.0.0.0/8", "10.1.0.0/16"], "apiCidrs": ["192.0.2.0/24"]}},
        ["congress-ha:access.sshCidrs", "10.0.0.0/8 and 10.1.0.0/16 overlap"],
    ),
    (
        {"access": {"sshCidrs": ["192.0.2.0/24"], "apiCidrs": ["0.0.0.0/0"]}},
        ["access.apiCidrs", "lets everybody in"],
    ),
    (
        {"access": {"sshCidrs": ["10.20.0.0/25"], "apiCidrs": ["192.0.2.0/24"]}},
        ["access.sshCidrs", "overlaps network.cidr"],
    ),
    ({"network": {"externalNetwork": "public", "cidr": "10.20.0.0/29"}}, ["network.cidr", "too small"]),
    (
        {
            "network": {
                "externalNetwork": "public",
                "existing": {"network": "n", "subnet": "s"},
                "egressCidrs": ["192.0.2.0/24"],
            }
        },
        ["network.egressCidrs", "name them in network.dnsServers"],
    ),
    (
        {"network": {"externalNetwork": "public", "egressCidrs": []}},
        ["congress-ha:network.egressCidrs", "ranges outside"],
    ),
    ({"rotation": {"database": 0}}, ["congress-ha:rotation.database", "is 0"]),
    ({"rotation": {"keystone": 2}}, ["rotation.keystone is for the user that the stack makes"]),
    (
        {"auth": "keystone", "keystone": {"login": KEYSTONE_LOGIN}, "rotation": {"keystone": 2}},
        ["rotation.keystone is for the user that the stack makes"],
    ),
    ({"rotation": {"ssh": 0}}, ["congress-ha:rotation.ssh", "is 0"]),
    ({"rotation": {"messaging": "2"}}, ["congress-ha:rotation.messaging", "integer"]),
    ({"auth": "basic"}, ["congress-ha:auth", "'noauth'", "'keystone'"]),
    ({"keystone": {"region": "RegionOne"}}, ["keystone is for auth: keystone; remove it"]),
    (
        {"auth": "keystone", "keystone": {"administrator": "a", "login": KEYSTONE_LOGIN}},
        ["congress-ha:keystone: with login nothing is registered: remove administrator, or login"],
    ),
    (
        {"auth": "keystone", "keystone": {"login": {**KEYSTONE_LOGIN, "password": "CANARY\n"}}},
        ["congress-ha:keystone.login.password", "control characters"],
    ),
    (
        {"auth": "keystone", "keystone": {"login": {"username": "congress"}}},
        ["congress-ha:keystone.login.password: is missing"],
    ),
    (
        {"guest": {"caFiles": ["/does/not/exist.pem"]}},
        ["congress-ha:guest.caFiles[0]", "/does/not/exist.pem"],
    ),
    *(
        ({"network": {"externalNetwork": "public", "cidr": cidr}}, ["congress-ha:network.cidr", told])
        for cidr, told in (
            ("224.0.0.0/24", "224.0.0.0/4, multicast"),
            ("127.0.0.0/24", "127.0.0.0/8, each host's own loopback"),
            ("169.254.0.0/24", "169.254.0.0/16, link-local"),
            ("0.0.0.0/0", "0.0.0.0/8"),
            ("240.1.0.0/24", "240.0.0.0/4, reserved"),
        )
    ),
    (
        {"access": {"sshCidrs": ["127.0.0.0/8"], "apiCidrs": ["192.0.2.0/24"]}},
        ["congress-ha:access.sshCidrs[0]", "loopback: nothing outside has such an address"],
    ),
    (
        {"access": {"sshCidrs": ["192.0.2.0/24"], "apiCidrs": ["239.0.0.0/8"]}},
        ["congress-ha:access.apiCidrs[0]", "multicast"],
    ),
    (
        {"network": {"externalNetwork": "public", "egressCidrs": ["0.0.0.0/8"]}},
        ["congress-ha:network.egressCidrs[0]", "addresses of no host"],
    ),
    (
        {"network": {"externalNetwork": "public", "dnsServers": ["127.0.0.53"]}},
        ["congress-ha:network.dnsServers[0]", "loopback; name a resolver that other hosts reach"],
    ),
    (
        {"network": {"externalNetwork": "public", "dnsServers": ["192.0.2.53", "192.0.2.53"]}},
        ["congress-ha:network.dnsServers", "192.0.2.53 is listed twice"],
    ),
    ({"image": "debian\n12"}, ["congress-ha:image", "line break"]),
    ({"network": {"externalNetwork": "pub\x07lic"}}, ["network.externalNetwork", "cannot be printed"]),
    *(
        (
            {"auth": "keystone", "keystone": {"login": {**KEYSTONE_LOGIN, key: value}}},
            [f"congress-ha:keystone.login.{key}", "control characters"],
        )
        for key in ("username", "userDomain", "project", "projectDomain")
        for value in ("a\nb", "a\\$b")
    ),
    *(
        ({"auth": "keystone", "keystone": {key: "a\nb"}}, [f"congress-ha:keystone.{key}", told])
        for key, told in (
            ("region", "control characters"),
            ("project", "control characters"),
            ("domain", "control characters"),
            ("role", "line break"),
            ("administrator", "line break"),
        )
    ),
    *(
        (
            {
                "datasourceNode": {
                    "fencing": "fence_openstack",
                    "fencingLogin": {"username": "u", "password": "CANARY", "project": "p", key: "a\tb"},
                }
            },
            [f"congress-ha:datasourceNode.fencingLogin.{key}", "cannot be printed"],
        )
        for key in ("username", "userDomain", "project", "projectDomain")
    ),
    (
        {"datasourceNode": {"monitorTimeout": "4s"}},
        ["congress-ha:datasourceNode.monitorTimeout", "the agent itself advises 5s or more"],
    ),
    *(
        (
            {"datasourceNode": {"token": token}},
            ["congress-ha:datasourceNode.token", "1s to 10s", "2.2 s more"],
        )
        for token in ("0s", "11s", "1.5s", "1min", "1000")
    ),
    ({"datasourceNode": {"monitorInterval": "10000min"}}, ["congress-ha:datasourceNode.monitorInterval"]),
    *(
        ({"guest": {"pipIndexUrl": url}}, ["congress-ha:guest.pipIndexUrl", told])
        for url, told in (
            ("https://", "pattern"),
            ("https://:3128", "it takes http:// or https://, a host, and a port"),
            ("https://CANARY@pypi.example:port/", "below 65536"),
            ("https://pypi.example:65536/", "below 65536"),
            ("https://[::1/", "below 65536"),
            ("https://pypi.example/\x07", "cannot be printed"),
            ("https://user:CAN#ARY@pypi.example/", "pattern"),
        )
    ),
    ({"guest": {"aptProxy": "proxy:3128"}}, ["congress-ha:guest.aptProxy", "http://proxy.example:3128"]),
]


@pytest.mark.parametrize(("change", "told"), WRONG, ids=lambda value: json.dumps(value)[:50])
def test_a_wrong_setting_is_named_with_a_way_out(change: dict[str, Any], told: list[str]) -> None:
    (problem,) = problems(settings_with(**change))
    for words in told:
        assert words in problem
    assert "CANARY" not in problem


@pytest.mark.parametrize("key", ["image", "flavors", "network", "access", "auth"])
def test_a_missing_setting_is_named_with_an_example(key: str) -> None:
    values = settings_with()
    del values[key]
    (problem,) = problems(values)
    assert problem.startswith(f"congress-ha:{key}: is missing")
    assert f"pulumi config set --path 'congress-ha:{key}" in problem


def test_all_problems_are_told_at_once() -> None:
    found = problems({"policyEngines": {"count": 1, "perhost": 1}, "auth": "x", "image": "i", "more": "y"})
    keys = {problem.split(": ")[0] for problem in found}
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
        """Of the model and of all sections in it."""
        fields = model.model_fields.values()
        inner = (keys(section) for field in fields for section in settings.models_in(field.annotation))
        return {str(field.alias) for field in fields}.union(*inner)

    assert {"policyEngines", "perHost", "fencingLogin", "userDomain", "loadBalancer"} <= keys(
        settings.Settings
    )
    for key in keys(settings.Settings):
        assert f"{key}:" in text, key


def test_a_certificate_is_read_where_the_setting_says(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_text(authority().pem)
    assert parse(settings_with(guest={"caFiles": [str(file)]})).guest.ca_files == (file,)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is no PEM file of certificates"),
        (b"-----BEGIN CERTIFICATE-----\n", "is no PEM file of certificates"),
        (b"\x30\x82\xff", "is no PEM file of certificates"),
        ((authority().pem + authority().key).encode(), "holds a private key, which every host would get"),
    ],
    ids=["empty", "cut off", "binary", "with a key"],
)
def test_a_file_of_anything_but_certificates_is_refused(tmp_path: Path, content: bytes, told: str) -> None:
    file = tmp_path / "ca.pem"
    file.write_bytes(content)
    (problem,) = problems(settings_with(guest={"caFiles": [str(file)]}))
    assert problem.startswith(f"congress-ha:guest.caFiles[0]: {file} {told}")


def test_the_network_has_room_for_the_hosts_and_not_for_each_engine() -> None:
    small = {"externalNetwork": "public", "cidr": "10.20.0.0/28"}
    assert (
        parse(settings_with(network=small, policyEngines={"count": 10, "perHost": 5})).policy_engines.hosts
        == 2
    )
    assert parse(settings_with(policyEngines={"count": 7, "perHost": 3})).policy_engines.hosts == 3
    (problem,) = problems(settings_with(network=small, policyEngines={"count": 10, "perHost": 3}))
    assert "too small for 10 hosts" in problem
