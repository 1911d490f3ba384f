"""A stack with external services: no hosts and rules of its own for them, and nothing uses one that was not tried."""

from __future__ import annotations

import json
import shlex
from typing import Any
from unittest.mock import patch
from urllib.parse import unquote

import pytest
from pulumi import log

from components.foundation.template import ROOT
from components.preflight.error import CloudError
from tests.unit.support import recording as recorded
from tests.unit.support.external_settings import ALL, CA, CA_FILE, DATABASE, LOAD_BALANCER, PASSWORD
from tests.unit.support.firewall import table
from tests.unit.support.recording import STEP, Recording, Registration, settings_with, strings

RULE = "openstack:networking/secGroupRule:SecGroupRule"
SERVER = "openstack:compute/instance:Instance"


@pytest.fixture(scope="module")
def external() -> Recording:
    return recorded.run(settings_with(**ALL))


def script(recording: Recording, step: str) -> str:
    text: str = recording.step(step).inputs["stdin"]
    return text


def request(recording: Recording, step: str) -> dict[str, Any]:
    """What the trial reads on its standard input."""
    text = script(recording, step).partition("<<'END_OF_REQUEST'\n")[2].partition("\n")[0]
    parsed: dict[str, Any] = json.loads(text)
    return parsed


def test_its_roles_have_no_hosts_and_no_firewall(external: Recording) -> None:
    assert {server.name for server in external.of_type(SERVER)} == {
        "bastion",
        *(f"datasource-{number}" for number in (1, 2)),
        *(f"policy-engine-host-{number}" for number in (1, 2)),
    }
    openings = table(external)
    assert {to for to, *_ in openings} == {"bastion", "datasource-node", "policy-engine"}
    assert {side for to, _, first, _, side in openings if to == "policy-engine" and first != 22} == {
        "192.0.2.64/28"
    }
    groups = {group.name for group in external.of_type("openstack:networking/secGroup:SecGroup")}
    assert groups == {"bastion", "datasource-node", "policy-engine"}


def test_limited_hosts_reach_the_services_whose_addresses_the_settings_have() -> None:
    network = {"externalNetwork": "public", "dnsServers": ["192.0.2.53"], "egressCidrs": ["203.0.113.0/24"]}
    limited = recorded.run(settings_with(**ALL, network=network))
    assert {row for row in table(limited, "egress") if row[-1] == "192.0.2.7/32"} == {
        (role, "tcp", 5673, 5673, "192.0.2.7/32") for role in ("datasource-node", "policy-engine")
    }


def uses_service(step: Registration) -> bool:
    """Whether the step's script, or its place in the order, requires that database and bus work."""
    return step.name.endswith("-configuration") or step.name in {
        "schema", "datasource-node", "policy-engine-1", "policy-engine-2",
    }  # fmt: skip


@pytest.mark.parametrize("trial", ["database-trial", "messaging-trial"])
def test_whatever_uses_a_service_waits_until_it_was_tried(external: Recording, trial: str) -> None:
    users = [step for step in external.steps() if uses_service(step)]
    assert len(users) == 4 + 4
    tried = external.step(trial)
    assert all(external.needs(user, tried) for user in users)
    assert external.needs(tried, external.step("datasource-1-software"))
    assert not external.needs(tried, external.step("datasource-1-configuration"))


def test_the_trials_get_the_secrets_on_standard_input_alone(external: Recording) -> None:
    assert request(external, "database-trial") == {
        "host": "db.example.org",
        "port": 3306,
        "name": "congress",
        "user": "con@gress",
        "password": PASSWORD,
        "ca": "/etc/congress-ha/database-ca.pem",
        "connections": 128,
        "is_filled": False,
    }
    assert request(external, "messaging-trial") == {
        "brokers": [["mq1.example.org", 5671], ["192.0.2.7", 5673]],
        "vhost": "con/gress",
        "user": "con@gress",
        "password": PASSWORD,
        "ca": "/etc/congress-ha/messaging-ca.pem",
    }
    for name in ("database-trial", "messaging-trial"):
        step = external.step(name)
        assert "stdin" in step.secrets
        assert not [
            text
            for key, value in step.inputs.items()
            if key != "stdin"
            for text in strings(value)
            if "CANARY-external" in text
        ]


def test_congress_logs_in_there_and_verifies_each_by_its_own_authority(external: Recording) -> None:
    for host in ("datasource-1", "datasource-2", "policy-engine-host-1", "policy-engine-host-2"):
        text = script(external, f"{host}-configuration")
        values = dict(line.split(" = ", 1) for line in text.splitlines() if " = " in line)
        connection, url = values["connection"], values["transport_url"]
        login, _, place = connection.removeprefix("mysql+pymysql://").rpartition("@")
        assert [unquote(word) for word in login.split(":")] == ["con@gress", PASSWORD]
        assert place.startswith("db.example.org:3306/congress?charset=utf8&")
        assert place.endswith("ssl_ca=/etc/congress-ha/database-ca.pem&ssl_check_hostname=true")
        hosts, _, vhost = url.removeprefix("rabbit://").partition("/")
        assert unquote(vhost) == "con/gress"
        assert [one.rpartition("@")[2] for one in hosts.split(",")] == [
            "mq1.example.org:5671",
            "192.0.2.7:5673",
        ]
        assert values["ssl_ca_file"] == "/etc/congress-ha/messaging-ca.pem"
        assert values["rabbit_quorum_queue"] == "True"
        assert text.count(CA) == 2
        assert "$" not in connection + url


def test_nothing_of_the_stack_changes_what_is_not_its_own(external: Recording) -> None:
    names = {step.name for step in external.of_type(STEP)}
    assert not names & {"schema-dump", "database-former-users", "messaging-former-users"}
    assert {"schema", "database-trial", "messaging-trial"} <= names


def test_no_security_group_closes_external_services_so_isolation_proves_nothing(external: Recording) -> None:
    text = script(external, "datasource-1-fencing")
    assert '"probed": {}' in text


def test_the_outputs_say_what_the_load_balancer_must_do(external: Recording) -> None:
    outputs = external.outputs
    assert outputs["endpoint"] == "https://congress.example.org:1789"
    assert outputs["ca_certificate"] == CA
    assert outputs["external"] == {
        "database": "db.example.org:3306/congress",
        "messaging": "mq1.example.org:5671, 192.0.2.7:5673",
        "load-balancer": "https://congress.example.org:1789",
    }
    duties = outputs["load_balancer"]
    assert [(engine["node_id"], engine["port"], engine["agent_port"]) for engine in duties["engines"]] == [
        ("policy-engine-1", 1789, 1889),
        ("policy-engine-2", 1789, 1889),
    ]
    assert duties["health"]["path"] == "/health"
    assert duties["stickiness"]["by"] == "source address"
    # As the stack's own load balancer does it.
    own = (ROOT / "templates/load_balancer/haproxy.cfg.j2").read_text()
    assert f"timeout server {duties['timeouts']['server_seconds']:.0f}s" in own
    assert f"timeout client {duties['timeouts']['client_seconds']:.0f}s" in own
    assert f"expire {duties['stickiness']['minutes']:.0f}m" in own
    assert not {"endpoint_address", "virtual_address"} & outputs.keys()
    assert "CANARY-external" not in json.dumps(outputs)


def test_an_engine_counts_its_own_connections_where_no_load_balancer_tells_them(
    external: Recording, recording: Recording
) -> None:
    text = script(external, "policy-engine-1")
    assert "congress-drain agent policy-engine-1" in text
    assert " 1889 1789 1789\n" in text
    assert "class Engine(congress_drain.Engine)" in text
    assert "congress_drain.Engine" not in script(recording, "policy-engine-1")


def exported(*servers: tuple[str, bool]) -> dict[str, Any]:
    """The state of a stack with servers of these names, and whether each is protected."""
    resources = [
        {
            "urn": f"urn:pulumi:test::congress-ha::{SERVER}::{name}",
            "type": SERVER,
            "id": f"{name}-id",
            "protect": protect,
        }
        for name, protect in servers
    ]
    return {"deployment": {"resources": resources}}


def run_on(state: dict[str, Any], **changes: Any) -> tuple[Recording, list[str]]:
    """The program on a stack with this state, and its warnings."""
    warnings: list[str] = []
    with (
        patch.object(recorded, "EXPORTED", state),
        patch.object(log, "warn", lambda text, *_, **__: warnings.append(text)),
    ):
        return recorded.run(settings_with(**changes)), warnings


def test_a_protected_database_is_not_replaced_by_an_external_one() -> None:
    with pytest.raises(CloudError) as caught:
        run_on(exported(("database", True)), database={"external": DATABASE})
    (problem,) = caught.value.problems
    assert (
        "load a backup of it into db.example.org:3306/congress, then set database.protect to false" in problem
    )


def test_one_that_is_not_protected_may_be_but_the_external_one_must_have_data() -> None:
    recording, warnings = run_on(exported(("database", False)), database={"external": DATABASE})
    assert request(recording, "database-trial")["is_filled"] is True
    assert any("deletes the stack's own database" in warning for warning in warnings)


def test_the_way_back_says_that_the_own_database_is_empty() -> None:
    trial = {
        "urn": f"urn:pulumi:test::congress-ha::{STEP}::database-trial", "type": STEP, "id": "trial",
    }  # fmt: skip
    _, warnings = run_on({"deployment": {"resources": [trial]}})
    assert any("a database of the stack's own, which is empty" in warning for warning in warnings)


def test_clients_are_told_of_before_the_endpoint_s_address_is_given_back() -> None:
    _, warnings = run_on(exported(("load-balancer", False)), loadBalancer={"external": LOAD_BALANCER})
    assert any("gives its address back" in warning for warning in warnings)


def test_no_path_of_this_machine_reaches_a_host(external: Recording) -> None:
    assert not [step.name for step in external.steps() if str(CA_FILE) in step.inputs["stdin"]]


def test_no_script_has_a_secret_on_a_command_line(external: Recording) -> None:
    """The password is in here-documents alone, whose lines are no commands."""
    for step in external.steps():
        outside, marker = [], ""
        for line in step.inputs["stdin"].splitlines():
            if marker:
                marker = "" if line == marker else marker
            else:
                outside.append(line)
                marker = shlex.split(line.partition("<<")[2])[0] if "<<'" in line else ""
        assert not [line for line in outside if "CANARY-external" in line], step.name
