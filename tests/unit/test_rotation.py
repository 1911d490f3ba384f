"""New passwords: for which user, in which order, and when the old ones stop working."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
import yaml

from tests.support.deployer import IDENTITY
from tests.unit.support import recording as recorded
from tests.unit.support.recording import Recording

CONGRESS_HOSTS = ("datasource-1", "datasource-2", "policy-engine-host-1", "policy-engine-host-2")
NODES = ("datasource-node", "policy-engine-1", "policy-engine-2")


@pytest.fixture(scope="module")
def rotated() -> Recording:
    return recorded.run(recorded.settings_with(rotation={"database": 3, "messaging": 2}))


@pytest.mark.parametrize(
    ("role", "step", "login"),
    [
        (
            "database",
            "database-mariadb",
            "mysql+pymysql://congress-3:CANARY-password-of-database-password-3@",
        ),
        ("messaging", "messaging-rabbitmq", "rabbit://congress-2:CANARY-password-of-messaging-password-2@"),
    ],
)
def test_a_generation_has_a_user_and_a_password_of_its_own(
    rotated: Recording, role: str, step: str, login: str
) -> None:
    user = login.split("/")[2].split(":", maxsplit=1)[0]
    made = rotated.step(step).inputs["stdin"]
    assert f"'{user}'" in made or f'User = <<"{user}">>' in made
    assert f"CANARY-password-of-{role}-password-{user[-1]}" in made
    for host in CONGRESS_HOSTS:
        assert login in rotated.step(f"{host}-configuration").inputs["stdin"]


@pytest.mark.parametrize("maker", ["database-mariadb", "messaging-rabbitmq"])
@pytest.mark.parametrize("host", CONGRESS_HOSTS)
def test_no_host_learns_of_a_user_before_it_is_there(recording: Recording, maker: str, host: str) -> None:
    """A node that restarts meanwhile logs in with its current configuration."""
    assert recording.needs(recording.step(f"{host}-configuration"), recording.step(maker))


@pytest.mark.parametrize("role", ["database", "messaging"])
def test_the_old_ones_are_dropped_when_every_node_has_moved(rotated: Recording, role: str) -> None:
    dropping = rotated.step(f"{role}-former-users")
    for node in (*NODES, "load-balancer-haproxy"):
        assert rotated.needs(dropping, rotated.step(node))
    assert not any(rotated.needs(step, dropping) for step in rotated.steps())


def test_a_deployment_of_before_keeps_its_users_and_passwords(recording: Recording) -> None:
    names = {r.name for r in recording.of_type("random:index/randomPassword:RandomPassword")}
    assert {"database-password", "messaging-password"} <= names
    assert not [name for name in names if name.endswith(tuple("123456789"))]
    script = recording.step("datasource-1-configuration").inputs["stdin"]
    assert "rabbit://congress:" in script
    assert "mysql+pymysql://congress:" in script


@pytest.mark.parametrize(
    ("generation", "key", "following"), [(1, "", "-2"), (2, "-2", "-3"), (9, "-9", "-10")]
)
def test_hosts_let_in_the_deployer_s_key_and_the_next_one(generation: int, key: str, following: str) -> None:
    recording = recorded.run(recorded.settings_with(rotation={"ssh": generation}))
    lines = [f"ssh-ed25519 public-key-of-deployer-key{suffix}" for suffix in (key, following)]
    private = f"CANARY-private-key-of-deployer-key{key}"
    for server in recording.of_type("openstack:compute/instance:Instance"):
        first_boot = yaml.safe_load(server.inputs["userData"])
        assert first_boot["users"][0]["ssh_authorized_keys"] == lines
        script = recording.step(f"{server.name}-hardening").inputs["stdin"]
        (put,) = re.findall(r"^put_file .*/authorized_keys\" .*\n((?:ssh-.*\n)*)", script, re.MULTILINE)
        assert put.splitlines() == lines
    for step in recording.steps():
        connection = step.inputs["connection"]
        assert connection["privateKey"] == connection.get("proxy", connection)["privateKey"] == private
    assert recording.outputs["ssh_private_key"] == private


def test_keystone_has_a_user_for_each_generation_too() -> None:
    """Pulumi deletes resources that are no longer in the program after everything else has succeeded."""
    assert IDENTITY.registration is not None
    second = replace(IDENTITY.registration, user="congress-2")
    rotated = recorded.run(
        recorded.settings_with(auth="keystone", rotation={"keystone": 2}),
        replace(recorded.WITH_KEYSTONE, identity=replace(IDENTITY, registration=second)),
    )
    (user,) = rotated.of_type("openstack:identity/user:User")
    (role,) = rotated.of_type("openstack:identity/roleAssignment:RoleAssignment")
    assert (user.name, user.inputs["name"]) == ("keystone-user-2", "congress-2")
    assert user.inputs["password"] == "CANARY-password-of-keystone-password-2"
    assert (role.name, role.inputs["userId"]) == ("keystone-role-2", "keystone-user-2-id")
    for host in CONGRESS_HOSTS:
        configuration = rotated.step(f"{host}-configuration")
        assert (
            "username = congress-2\npassword = CANARY-password-of-keystone-password-2\n"
            in configuration.inputs["stdin"]
        )
        assert rotated.needs(configuration, role)


def test_one_rotation_leaves_the_other_alone() -> None:
    rotated = recorded.run(recorded.settings_with(rotation={"database": 2}))
    script = rotated.step("datasource-1-configuration").inputs["stdin"]
    assert "mysql+pymysql://congress-2:" in script
    assert "rabbit://congress:CANARY-password-of-messaging-password@" in script


def test_certificates_of_a_generation_have_keys_of_their_own_and_the_same_authority() -> None:
    recording = recorded.run(recorded.settings_with(rotation={"certificates": 2}))
    signed = recording.of_type("tls:index/locallySignedCert:LocallySignedCert")
    assert {one.name for one in signed} == {
        f"{role}-certificate-2" for role in ("endpoint", "database", "messaging")
    }
    assert {one.inputs["caCertPem"] for one in signed} == {"certificate-of-authority-certificate\n"}
    for role, step in (
        ("endpoint", "load-balancer-haproxy"),
        ("database", "database-mariadb"),
        ("messaging", "messaging-rabbitmq"),
    ):
        script = recording.step(step).inputs["stdin"]
        assert f"certificate-of-{role}-certificate-2\nCANARY-private-key-of-{role}-key-2\n" in script
