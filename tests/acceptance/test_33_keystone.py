"""Congress as a service of the cloud: an administrator registers it, users have tokens; and back to noauth."""

from __future__ import annotations

import configparser
from pathlib import Path
from typing import Any

import pytest
from keystoneauth1.exceptions import Unauthorized
from keystoneauth1.identity import v3
from keystoneauth1.session import Session
from openstack.connection import Connection

from components.foundation.template import ROOT
from tests.acceptance.support import databases
from tests.acceptance.support.deployment import CommandError, Deployment, request, run
from tests.acceptance.support.traffic import traffic
from tests.support.waiting import wait_for

pytestmark = pytest.mark.timeout(900)

KEYSTONE = ("auth=keystone", "keystone.administrator=lab-admin")


def status(deployment: Deployment, url: str, token: str | None = None, method: str = "GET") -> int:
    return request(method, url, tls=deployment.tls, token=token).status


def registered(admin: Connection) -> dict[str, list[Any]]:
    """The registration of Congress: its users of any generation, and its entry in the catalog."""
    identity: Any = admin.identity
    services = list(identity.services(type="policy"))
    return {
        "users": [user for user in identity.users() if user.name.startswith("congress")],
        "services": services,
        "endpoints": [e for s in services for e in identity.endpoints(service_id=s.id)],
    }


def test_a_login_that_may_not_register_is_told_so_before_anything_changes(deployment: Deployment) -> None:
    before = deployment.resources().keys()
    with pytest.raises(CommandError, match="your login may not register Congress in keystone"):
        deployment.up("auth=keystone")
    assert deployment.resources().keys() == before


def test_the_cloud_s_administrator_registers_congress(
    deployment: Deployment, clouds: dict[str, Connection]
) -> None:
    deployment.up(*KEYSTONE)
    registration = registered(clouds["lab-admin"])
    (user,), (service,) = registration["users"], registration["services"]
    assert service.name == "congress"
    assert {(e.interface, e.url) for e in registration["endpoints"]} == {
        (interface, deployment.endpoint) for interface in ("public", "internal", "admin")
    }
    roles = clouds["lab-admin"].identity.role_assignments(user_id=user.id, include_names=True)  # type: ignore[union-attr]
    assert [(r.role["name"], r.scope["project"]["name"]) for r in roles] == [("service", "service")]


def test_who_has_no_token_gets_401_and_who_is_no_admin_403(
    deployment: Deployment, clouds: dict[str, Connection]
) -> None:
    admin, member = (clouds[name].authorize() for name in ("lab-admin", "lab"))
    with deployment.engine_urls() as urls:
        for url in (deployment.endpoint, *urls.values()):
            for path in ("/v1/policies", "/v1/policies/action"):
                statuses = [
                    status(deployment, url + path, token) for token in (None, "forged", member, admin)
                ]
                assert statuses == [401, 401, 403, 200], url + path
            assert status(deployment, url + "/v1/policies/action", member, "DELETE") == 403
            assert status(deployment, url + "/health") == 200


@pytest.mark.usefixtures("clouds")
def test_the_cloud_s_own_command_line_finds_congress(deployment: Deployment, tmp_path: Path) -> None:
    """Through the catalog, with python-congressclient."""
    authority = tmp_path / "ca.pem"
    authority.write_text(deployment.outputs["ca_certificate"])

    def openstack(cloud: str, *words: str) -> str:
        options = ("--os-cloud", cloud, "--os-cacert", authority)
        return run([ROOT / ".venv/bin/openstack", *options, "congress", *words], timeout=60)

    openstack("lab-admin", "policy", "create", "by_the_catalog")
    try:
        openstack("lab-admin", "policy", "rule", "create", "by_the_catalog", "p(1)")
        assert "p(1)" in openstack("lab-admin", "policy", "rule", "list", "by_the_catalog")
        with pytest.raises(CommandError, match="403"):
            openstack("lab", "policy", "list")
    finally:
        openstack("lab-admin", "policy", "delete", "by_the_catalog")


def test_health_stays_honest(deployment: Deployment) -> None:
    deployment.well(60)
    with databases.stopped(deployment):
        wait_for(
            "no engine is healthy", 60, lambda: status(deployment, deployment.endpoint + "/health") == 503
        )
    deployment.well(60)


@pytest.mark.full
def test_a_second_up_changes_nothing(deployment: Deployment) -> None:
    before = {urn: r.get("modified") for urn, r in deployment.resources().items()}
    deployment.up(*KEYSTONE)
    assert {urn: r.get("modified") for urn, r in deployment.resources().items()} == before


def service_user(deployment: Deployment) -> v3.Password:
    """The login of Congress itself, from an engine's configuration."""
    text = deployment.on(deployment.engines[0]["host"], "cat /etc/congress/congress.conf")
    config = configparser.ConfigParser(strict=False, interpolation=None)
    config.read_string(text)
    login = config["keystone_authtoken"]
    names = ("auth_url", "username", "password", "user_domain_name", "project_name", "project_domain_name")
    user: dict[str, Any] = {name: login[name] for name in names}
    return v3.Password(**user)


@pytest.mark.full
def test_another_generation_of_its_user_goes_unnoticed_and_ends_the_old_one(
    deployment: Deployment, clouds: dict[str, Connection]
) -> None:
    before = service_user(deployment)
    assert Session(before).get_token()
    deployment.token = clouds["lab-admin"].authorize()
    try:
        with traffic(deployment) as clients, clients.unnoticed():
            deployment.up(*KEYSTONE, "rotation.keystone=2")
    finally:
        deployment.token = None
    assert [user.name for user in registered(clouds["lab-admin"])["users"]] == ["congress-2"]
    assert Session(service_user(deployment)).get_token()
    before.invalidate()
    with pytest.raises(Unauthorized):
        Session(before).get_token()


def test_back_to_noauth_nothing_stays_registered(
    deployment: Deployment, clouds: dict[str, Connection]
) -> None:
    printed = deployment.up()
    assert "auth is noauth" in printed
    assert registered(clouds["lab-admin"]) == {"users": [], "services": [], "endpoints": []}
    assert status(deployment, deployment.endpoint + "/v1/policies") == 200
