"""One host of the database, or three of which one takes writes."""

from __future__ import annotations

import json
import re

import pytest
from syrupy.assertion import SnapshotAssertion

from tests.support.openings import OF_THREE_DATABASES, OPENINGS
from tests.unit.support import recording as recorded
from tests.unit.support.firewall import table
from tests.unit.support.recording import Recording
from tests.unit.support.several_hosts import added_names, cloud_inputs

INSTANCE = "openstack:compute/instance:Instance"
PORT = "openstack:networking/port:Port"
CREDENTIAL = "openstack:identity/applicationCredential:ApplicationCredential"
NAMES = ("database", "database-2", "database-3")


@pytest.fixture(scope="module")
def three() -> Recording:
    return recorded.run(recorded.settings_with(database={"hosts": 3}))


def test_a_single_one_keeps_every_input_in_the_cloud(
    recording: Recording, snapshot: SnapshotAssertion
) -> None:
    single = recorded.run(recorded.settings_with(database={"hosts": 1}))
    for known in (recording, single):
        assert snapshot(name="one host") == cloud_inputs(known, "database")


def test_three_add_resources_alone(recording: Recording, three: Recording) -> None:
    names = added_names(recording, three)
    assert {name for name in names if not name.startswith(("database-2", "database-3"))} == {
        "database",
        "database-cluster",
        "database-cluster-key",
        "database-fencing",
        "database-packages",
        "database-replication-password",
        "database-tcp-3306-from-database",
        "database-udp-5405-from-database",
        "database-virtual-address",
        "database-writer",
    }


def test_the_first_host_has_the_data_before_the_others_copy_it(three: Recording) -> None:
    first, second, third = (three.step(f"{name}-mariadb") for name in NAMES)
    assert three.needs(second, first)
    assert three.needs(third, second)


def test_pacemaker_comes_after_the_data_and_before_the_schema(three: Recording) -> None:
    ready = three.step("database-writer")
    for name in NAMES:
        joined = three.step(f"{name}-cluster")
        assert three.needs(joined, three.step("database-3-mariadb"))
        assert three.needs(ready, joined)
        # A host that may become the writer must first be able to stop the others.
        assert three.needs(ready, three.step(f"{name}-fencing"))
    for step in ("schema", "schema-dump", "datasource-1-configuration"):
        assert three.needs(three.step(step), ready)


def test_a_change_stops_one_after_another(three: Recording) -> None:
    first, second, third = (three.step(f"{name}-cluster") for name in NAMES)
    assert three.needs(second, first)
    assert three.needs(third, second)


def test_nodes_know_the_virtual_address_alone(recording: Recording, three: Recording) -> None:
    port = three.by_name("database-virtual-address", PORT)
    (address,) = re.findall(r"@([0-9.]+)/congress", three.step("datasource-1-configuration").inputs["stdin"])
    addresses = {three.outputs["hosts"][name]["address"] for name in NAMES}
    assert address not in addresses
    assert port.inputs["securityGroupIds"] == ["database-id"]
    for name in NAMES:
        pairs = three.by_name(f"{name}-port", PORT).inputs["allowedAddressPairs"]
        assert pairs == [{"ipAddress": address}]
        assert address in three.by_name(f"{name}-request").inputs["ipAddresses"]
    assert "allowedAddressPairs" not in recording.by_name("database-port", PORT).inputs


def test_the_credential_is_for_these_servers_alone(three: Recording) -> None:
    rules = three.by_name("database-fencing", CREDENTIAL).inputs["accessRules"]
    servers = {re.findall(r"/servers/([^/]+)", rule["path"])[0] for rule in rules}
    assert servers == {f"{name}-id" for name in NAMES}


def test_the_firewall_lets_the_hosts_hear_each_other_alone(three: Recording) -> None:
    assert table(three) == OPENINGS | OF_THREE_DATABASES


def test_each_host_knows_all_three_and_itself(three: Recording) -> None:
    for name in NAMES:
        script = three.step(f"{name}-mariadb").inputs["stdin"]
        (text,) = re.findall(r"^\{\"authority\".*\}$", script, re.MULTILINE)
        known = json.loads(text)
        assert known["name"] == f"congress-test-{name}"
        assert known["virtual_address"] not in known["members"].values()
        assert known["members"] == {
            f"congress-test-{one}": three.outputs["hosts"][one]["address"] for one in NAMES
        }
        assert known["password"] == "CANARY-password-of-database-replication-password"


def test_data_on_all_hosts_is_dumped_and_former_users_are_dropped_where_the_writer_is(
    three: Recording,
) -> None:
    for name, suffix in (("", "schema-dump"), ("database-2-", "schema-dump"), ("database-3-", "schema-dump")):
        assert "known=$(congress-database status" in three.step(f"{name}{suffix}").inputs["stdin"]
    for name in NAMES:
        assert "known=$(congress-database status" in three.step(f"{name}-former-users").inputs["stdin"]
