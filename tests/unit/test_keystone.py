"""Who may use Congress: users with tokens of the cloud, or, with a warning, everybody."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pulumi
import pytest

from components.keystone import OPEN
from components.preflight.identity import mark
from tests.support.deployer import IDENTITY
from tests.unit.support import recording as recorded
from tests.unit.support.recording import WITH_KEYSTONE, Recording, Registration

USER = "openstack:identity/user:User"
ROLE = "openstack:identity/roleAssignment:RoleAssignment"
SERVICE = "openstack:identity/serviceV3:ServiceV3"
ENDPOINT = "openstack:identity/endpointV3:EndpointV3"
PROVIDER = "pulumi:providers:openstack"
REGISTERED = (USER, ROLE, SERVICE, ENDPOINT)
CONFIGURED = ("datasource-1", "datasource-2", "policy-engine-host-1", "policy-engine-host-2")


def with_settings(**keystone: Any) -> Recording:
    """With `login`, the lookup finds nothing that the stack must create."""
    identity = replace(IDENTITY, registration=None) if "login" in keystone else IDENTITY
    settings = recorded.settings_with(auth="keystone", keystone=keystone)
    return recorded.run(settings, replace(WITH_KEYSTONE, identity=identity))


def registered(recording: Recording) -> list[Registration]:
    return [resource for resource in recording.resources.values() if resource.type in REGISTERED]


def authtoken(recording: Recording, host: str) -> dict[str, str]:
    """[keystone_authtoken] of congress.conf, as the host's step writes it."""
    script = recording.step(f"{host}-configuration").inputs["stdin"]
    match = re.search(r"^\[keystone_authtoken\]\n(.*?)\n(?:END_|\[)", script, re.DOTALL | re.MULTILINE)
    assert match, script
    return dict(line.split(" = ", 1) for line in match[1].splitlines())


def test_the_user_has_one_role_in_one_project(with_keystone: Recording) -> None:
    (user,) = with_keystone.of_type(USER)
    assert (user.inputs["name"], user.inputs["domainId"]) == ("congress", "default-id")
    assert user.inputs["password"] == "CANARY-password-of-keystone-password"
    assert "password" in user.secrets
    (role,) = with_keystone.of_type(ROLE)
    assert role.inputs == {
        "userId": "keystone-user-id",
        "projectId": "service-project-id",
        "roleId": "service-role-id",
    }


@pytest.mark.parametrize("host", CONFIGURED)
def test_engines_log_in_as_that_user_when_it_has_its_role(with_keystone: Recording, host: str) -> None:
    options = authtoken(with_keystone, host)
    assert options["auth_url"] == IDENTITY.auth_url
    assert (options["username"], options["password"]) == ("congress", "CANARY-password-of-keystone-password")
    assert (options["project_name"], options["user_domain_name"]) == ("service", "Default")
    assert (options["interface"], options["service_type"]) == ("public", "policy")
    (role,) = with_keystone.of_type(ROLE)
    assert with_keystone.needs(with_keystone.step(f"{host}-configuration"), role)
    assert "auth_strategy = keystone\n" in with_keystone.step(f"{host}-configuration").inputs["stdin"]


def test_the_catalog_names_the_endpoint_that_has_answered(with_keystone: Recording) -> None:
    (service,) = with_keystone.of_type(SERVICE)
    assert (service.inputs["type"], service.inputs["name"]) == ("policy", "congress")
    endpoints = with_keystone.of_type(ENDPOINT)
    assert {endpoint.inputs["interface"] for endpoint in endpoints} == {"public", "internal", "admin"}
    for endpoint in endpoints:
        assert endpoint.inputs["url"] == with_keystone.outputs["endpoint"]
        assert endpoint.inputs["endpointRegion"] == "RegionOne"
        assert endpoint.inputs["serviceId"] == "catalog-service-id"
        assert with_keystone.needs(endpoint, with_keystone.step("load-balancer-haproxy"))


def test_registrations_have_the_stack_s_mark(with_keystone: Recording) -> None:
    """Otherwise the next preview would assume that it belongs to somebody else."""
    for type_ in (USER, SERVICE):
        (made,) = with_keystone.of_type(type_)
        assert made.inputs["description"] == mark("congress-test")


def test_the_deployer_registers_by_default(with_keystone: Recording) -> None:
    assert len(registered(with_keystone)) == 6
    assert not [r for r in with_keystone.resources.values() if r.type == PROVIDER]


def test_an_administrator_registers_and_makes_nothing_else() -> None:
    recording = with_settings(administrator="mycloud-admin")
    (provider,) = recording.of_type(PROVIDER)
    assert provider.inputs["cloud"] == "mycloud-admin"
    by_it = [r for r in recording.resources.values() if r.options.provider.startswith(provider.urn)]
    assert {resource.urn for resource in by_it} == {resource.urn for resource in registered(recording)}


def test_with_an_existing_user_nothing_is_registered() -> None:
    login = {"username": "it", "password": "CANARY-given $1", "project": "services"}
    recording = with_settings(login=login)
    assert registered(recording) == []
    options = authtoken(recording, "policy-engine-host-1")
    assert (options["username"], options["project_name"]) == ("it", "services")
    assert options["password"] == "CANARY-given $$1"
    assert "stdin" in recording.step("policy-engine-host-1-configuration").secrets


def test_with_noauth_nothing_is_asked_and_everybody_is_warned(monkeypatch: pytest.MonkeyPatch) -> None:
    warned: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", warned.append)
    recording = recorded.run()
    assert registered(recording) == []
    script = recording.step("policy-engine-host-1-configuration").inputs["stdin"]
    assert "auth_strategy = noauth\n" in script
    assert "[keystone_authtoken]" not in script
    assert warned == [OPEN]


def test_with_keystone_nobody_is_warned(monkeypatch: pytest.MonkeyPatch) -> None:
    warned: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", warned.append)
    recorded.run(recorded.settings_with(auth="keystone"), WITH_KEYSTONE)
    assert warned == []
