"""Secrets are only in state and in private files: never on a command line, in a log or in an output."""

from __future__ import annotations

import string

import pulumi
import pytest
from cryptography.fernet import Fernet

from tests.unit.support import recording as recorded
from tests.unit.support.recording import Recording, Registration, strings

# Inputs that contain secrets, by type; elsewhere a secret value is a leak.
MAY_HOLD = {
    "command:remote:Command": {"stdin", "connection"},
    "openstack:compute/instance:Instance": {"userData"},
    "openstack:identity/user:User": {"password"},
    "tls:index/selfSignedCert:SelfSignedCert": {"privateKeyPem"},
    "tls:index/certRequest:CertRequest": {"privateKeyPem"},
    "tls:index/locallySignedCert:LocallySignedCert": {"caPrivateKeyPem"},
}


def test_the_canaries_are_really_there(recording: Recording) -> None:
    """The tests below search for values that start with CANARY; they would pass for a program without secrets."""
    scripts = "".join(step.inputs["stdin"] for step in recording.steps())
    assert "CANARY-password-of-database-password" in scripts
    assert "CANARY-password-of-messaging-password" in scripts
    assert "CANARY-password-of-encryption-key=" in scripts
    assert "CANARY-password-of-datasource-node-cluster-key" in scripts
    assert '"application_credential_secret": "CANARY-secret-of-fencing"' in scripts
    assert (
        "CANARY-private-key-of-database-host-key"
        in recording.by_name("database", "openstack:compute/instance:Instance").inputs["userData"]
    )


def test_secrets_are_nowhere_but_in_secret_inputs(recording: Recording, with_keystone: Recording) -> None:
    for resource in (*recording.resources.values(), *with_keystone.resources.values()):
        allowed = MAY_HOLD.get(resource.type, set())
        for key, value in resource.inputs.items():
            if any("CANARY" in text for text in strings(value)):
                assert key in allowed, f"{resource.name}.{key}"
                assert key in resource.secrets, f"{resource.name}.{key} is not marked secret"


def test_scripts_and_first_boot_data_are_secret_as_a_whole(recording: Recording) -> None:
    for step in recording.steps():
        assert {"stdin", "connection"} <= step.secrets, step.name
    for server in recording.of_type("openstack:compute/instance:Instance"):
        assert "userData" in server.secrets, server.name


def test_command_lines_are_constant(recording: Recording) -> None:
    for step in recording.steps():
        limit = step.inputs["create"].split()[-1]
        assert step.inputs["create"] == f"sudo -n /usr/local/sbin/congress-ha-step {step.name} {int(limit)}"
        assert not {"update", "delete", "environment", "triggers"} & set(step.inputs), step.name


def test_nothing_of_a_step_is_logged_and_its_outputs_are_secret(recording: Recording) -> None:
    for step in recording.steps():
        assert step.inputs["logging"] == "none"
        assert step.inputs["addPreviousOutputInEnv"] is False
        assert {"stdout", "stderr"} <= set(step.options.additionalSecretOutputs)


def test_no_id_is_a_secret(recording: Recording, with_keystone: Recording) -> None:
    """Ids are unencrypted in the state and on consoles; in the official plugin that of RandomBytes is its value."""
    types = {r.type for one in (recording, with_keystone) for r in one.resources.values()}
    assert {type_ for type_ in types if type_.startswith("random:")} == {
        "random:index/randomPassword:RandomPassword"
    }


def test_the_encryption_key_is_a_fernet_key(recording: Recording) -> None:
    """In every case: 43 characters of base64 are 32 bytes and two unused bits."""
    asked = recording.by_name("encryption-key", "random:index/randomPassword:RandomPassword").inputs
    assert asked == {"length": 43, "overrideSpecial": "-_"}
    for last in string.ascii_letters + string.digits + asked["overrideSpecial"]:
        Fernet(f"{'-_aZ09' * 7}{last}=")


def test_steps_are_tied_to_their_server(recording: Recording) -> None:
    for step in recording.steps():
        server = recording.resources[step.options.deletedWith]
        assert server.type == "openstack:compute/instance:Instance"
        # A replaced server has another id, so the script differs and the step runs again on it.
        assert step.inputs["stdin"].startswith(f"# server {server.name}-id\n")
        assert step.inputs["stdin"].endswith("\n# end of step\n")


def test_only_the_ssh_key_of_the_outputs_is_secret(recording: Recording) -> None:
    assert recording.secret_outputs == {"ssh_private_key"}
    for name, value in recording.outputs.items():
        if name != "ssh_private_key":
            assert not any("CANARY" in text for text in strings(value)), name


def test_the_sdk_sends_no_debug_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine would get about five for each resource, one call each, and the secret outputs in one of them."""
    messages: list[str] = []
    monkeypatch.setattr(pulumi.log, "_log", lambda _engine, _severity, message, *_: messages.append(message))
    outputs = recorded.run().outputs
    assert "CANARY" in outputs["ssh_private_key"]
    # What the program says itself: other messages arrive.
    assert [message.split(":")[0] for message in messages] == ["image plain", "auth is noauth"]


@pytest.mark.parametrize(
    "step", ["datasource-1-configuration", "datasource-2-configuration", "policy-engine-host-1-configuration"]
)
def test_congress_hosts_share_bus_database_and_encryption_key(recording: Recording, step: str) -> None:
    """ "All hosts should be configured with a database connection that points to the shared database"."""
    script = recording.step(step).inputs["stdin"]
    database, messaging = (recording.outputs["hosts"][name]["address"] for name in ("database", "messaging"))
    password = "CANARY-password-of-{}-password"
    assert f"transport_url = rabbit://congress:{password.format('messaging')}@{messaging}:5671\n" in script
    assert "replicated_policy_engine = True\n" in script
    connection = f"mysql+pymysql://congress:{password.format('database')}@{database}/congress?charset=utf8"
    patience = "&connect_timeout=5&read_timeout=60&write_timeout=60"
    verified = "&ssl_ca=/etc/congress-ha/ca.pem&ssl_check_hostname=true"
    assert f"connection = {connection}{patience}{verified}\n" in script
    assert (
        "/etc/congress/keys/aes_key congress:congress 0600 <<< CANARY-password-of-encryption-key=" in script
    )


def test_every_congress_host_is_configured_alike(recording: Recording) -> None:
    def body(step: Registration) -> str:
        return str(step.inputs["stdin"]).split("\n", 2)[2]

    configurations = [step for step in recording.steps() if step.name.endswith("-configuration")]
    assert len(configurations) == 4
    assert len({body(step) for step in configurations}) == 1
