"""Who may stop a host of the pair: a credential with no other right, and none if fencing is off."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pulumi
import pytest

from components.fencing import UNFENCED, access_rules
from tests.support.deployer import LOGIN
from tests.unit.support import recording as recorded
from tests.unit.support.recording import CLOUD, Recording, address

CREDENTIAL = "openstack:identity/applicationCredential:ApplicationCredential"
FENCED = ("datasource-1", "datasource-2")
# With the bastion's group, a host reaches port 22 of the services, and so sees whether the cloud follows a change.
ISOLATION = {
    "addresses": {f"congress-test-{name}": address("10.20", f"{name}-port") for name in FENCED},
    "group": "datasource-node-id",
    "probe_group": "bastion-id",
    "probed": {
        name: {"addresses": [address("10.20", f"{name}-port")], "closed": 22, "open": port}
        for name, port in (("database", 3306), ("messaging", 5671))
    },
}
LOGIN_WITH_PASSWORD = {"username": "fencer", "password": "CANARY-fencer", "project": "congress"}


def with_node(**node: Any) -> Recording:
    return recorded.run(recorded.settings_with(datasourceNode=node))


def login_file(recording: Recording, host: str) -> dict[str, Any]:
    """The JSON that the host's step writes for its agent."""
    script = recording.step(f"{host}-fencing").inputs["stdin"]
    (text,) = re.findall(r"root:root 0600 <<'(\w+)'\n(.*?)\n\1\n", script, re.DOTALL)
    login: dict[str, Any] = json.loads(text[1])
    return login


def test_the_credential_may_watch_and_act_on_the_two_servers_only(recording: Recording) -> None:
    (credential,) = recording.of_type(CREDENTIAL)
    assert credential.inputs["roles"] == ["member"]
    assert not credential.inputs.get("unrestricted")
    allowed = {(r["service"], r["method"], r["path"]) for r in credential.inputs["accessRules"]}
    assert allowed == {
        ("compute", method, f"/v2.1/servers/{host}-id{rest}")
        for host in FENCED
        for method, rest in (("GET", ""), ("POST", "/action"), ("GET", "/os-instance-actions/*"))
    }
    assert "secret" in credential.options.additionalSecretOutputs


def test_rules_are_below_the_path_of_the_clouds_nova() -> None:
    assert access_rules("/compute/v2.1", ["s"])[0].path == "/compute/v2.1/servers/s"


@pytest.mark.parametrize("host", FENCED)
def test_both_hosts_log_in_with_it(recording: Recording, host: str) -> None:
    assert login_file(recording, host) == {
        "auth_url": LOGIN.auth_url,
        "application_credential_id": "fencing-id",
        "application_credential_secret": "CANARY-secret-of-fencing",
        "region": "RegionOne",
        "interface": "public",
        "servers": {f"congress-test-{name}": f"{name}-id" for name in FENCED},
        **ISOLATION,
    }


@pytest.mark.parametrize("replaced", FENCED)
def test_a_replaced_server_renews_credential_login_and_device_of_both(
    recording: Recording, replaced: str
) -> None:
    server = recording.by_name(replaced, "openstack:compute/instance:Instance")
    (credential,) = recording.of_type(CREDENTIAL)
    assert server.urn in credential.options.propertyDependencies["accessRules"].urns
    for host in FENCED:
        step = recording.step(f"{host}-fencing")
        assert recording.needs(step, credential)
        assert {server.urn, credential.urn} <= set(step.options.propertyDependencies["stdin"].urns)
        assert recording.needs(recording.step("datasource-node"), step)


def test_each_host_is_fenced_by_the_other(recording: Recording) -> None:
    script = recording.step("datasource-node").inputs["stdin"]
    for name in FENCED:
        host = f"congress-test-{name}"
        assert (
            f'primitive fence-{host} stonith:fence_congress_openstack \\\n   params pcmk_host_map="{host}:{name}-id"'
            in script
        )
        assert f"location fence-{host}-from-elsewhere fence-{host} -inf: {host}\n" in script
    assert "stonith-enabled=true" in script


@pytest.mark.parametrize("answer", [403, 404, 500, 503])
def test_no_answer_of_keystone_takes_the_rules_away(answer: int) -> None:
    cloud = replace(CLOUD, login=replace(LOGIN, access_rules=answer))
    (credential,) = recorded.run(recorded.settings_with(), cloud).of_type(CREDENTIAL)
    assert len(credential.inputs["accessRules"]) == 6


def test_only_the_setting_does_and_then_the_role_limits() -> None:
    (credential,) = with_node(fencingAccessRules=False).of_type(CREDENTIAL)
    assert "accessRules" not in credential.inputs
    assert credential.inputs["roles"] == ["member"]


def test_debians_agent_logs_in_with_the_password_given() -> None:
    recording = with_node(fencing="fence_openstack", fencingLogin=LOGIN_WITH_PASSWORD)
    with pytest.raises(LookupError):
        recording.of_type(CREDENTIAL)
    auth = login_file(recording, "datasource-1")["clouds"]["congress-ha"]["auth"]
    assert (auth["username"], auth["password"], auth["user_domain_name"]) == (
        "fencer",
        "CANARY-fencer",
        "Default",
    )
    assert "stdin" in recording.step("datasource-1-fencing").secrets
    script = recording.step("datasource-node").inputs["stdin"]
    assert "stonith:fence_openstack" in script
    # One side has a delay, so that the hosts do not fence each other.
    assert script.count("pcmk_delay_base") == 1
    assert "CANARY" not in script


def test_without_fencing_nothing_is_made_and_everybody_is_warned(monkeypatch: pytest.MonkeyPatch) -> None:
    warned: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", warned.append)
    recording = recorded.run(
        recorded.settings_with(datasourceNode={"fencing": "none"}), replace(CLOUD, login=None)
    )
    assert not [r.name for r in recording.resources.values() if r.type == CREDENTIAL or "-fencing" in r.name]
    script = recording.step("datasource-node").inputs["stdin"]
    assert "stonith-enabled=false" in script
    assert "primitive fence-" not in script
    assert UNFENCED in warned
