"""Hosts, node ids and ports; required properties of every server, port and connection."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components import inventory, policy_engines
from components.preflight.cloud import Cloud, ExistingNetwork
from settings import PolicyEngines
from tests.support.deployer import SCOPE
from tests.unit.support import recording as recorded
from tests.unit.support.parsing import parse
from tests.unit.support.recording import Recording, address

CONFIGURATION = re.compile(r"^bind_host = .*?^nodes = \d+$", re.MULTILINE | re.DOTALL)
INSTANCE = "openstack:compute/instance:Instance"
PORT = "openstack:networking/port:Port"


@given(count=st.integers(2, 50), per_host=st.integers(1, 10))
def test_placements_are_unique_and_stay_when_engines_are_added(count: int, per_host: int) -> None:
    if per_host >= count:
        return
    placed = policy_engines.placements(PolicyEngines(count=count, per_host=per_host))
    assert len({p.node_id for p in placed}) == count
    assert len({(p.host, p.port) for p in placed}) == count
    assert {p.port for p in placed} <= set(range(1789, 1789 + per_host))
    if count < 50:
        grown = policy_engines.placements(PolicyEngines(count=count + 1, per_host=per_host))
        assert grown[:count] == placed


@pytest.mark.parametrize(
    ("count", "per_host", "hosts"), [(2, 1, 2), (3, 1, 3), (10, 1, 10), (3, 2, 2), (10, 4, 3)]
)
def test_engines_and_their_hosts(
    with_engines: Callable[[int, int], Recording], count: int, per_host: int, hosts: int
) -> None:
    recording = with_engines(count, per_host)
    servers = [r.name for r in recording.of_type(INSTANCE) if r.name.startswith("policy-engine-host-")]
    assert sorted(servers) == sorted(f"policy-engine-host-{i + 1}" for i in range(hosts))
    ids = [engine["node_id"] for engine in recording.outputs["policy_engines"]]
    assert len(set(ids)) == count
    assert recording.outputs["datasource_node"]["node_id"] not in ids
    endpoints = {(engine["address"], engine["port"]) for engine in recording.outputs["policy_engines"]}
    assert len(endpoints) == count
    for engine in recording.outputs["policy_engines"]:
        script = recording.step(engine["node_id"]).inputs["stdin"]
        assert f"congress-policy-engine@{engine['node_id']}.service" in script
        assert f"bind_host = {engine['address']}\nbind_port = {engine['port']:.0f}\n" in script
        balancer = recording.step("load-balancer-haproxy").inputs["stdin"]
        assert f"server {engine['node_id']} {engine['address']}:{engine['port']:.0f} id " in balancer


def test_a_host_s_engines_stop_those_that_left_it(with_engines: Callable[[int, int], Recording]) -> None:
    recording = with_engines(3, 2)
    for node_id in ("policy-engine-1", "policy-engine-2"):
        assert 'on_this_host=" policy-engine-1 policy-engine-2 "' in recording.step(node_id).inputs["stdin"]
    assert 'on_this_host=" policy-engine-3 "' in recording.step("policy-engine-3").inputs["stdin"]


def test_another_number_of_engines_changes_no_neighbour_s_configuration(
    with_engines: Callable[[int, int], Recording],
) -> None:
    """Otherwise the server would restart there."""
    (before,) = CONFIGURATION.findall(with_engines(3, 2).step("policy-engine-3").inputs["stdin"])
    (after,) = CONFIGURATION.findall(with_engines(4, 2).step("policy-engine-3").inputs["stdin"])
    assert after == before
    assert after.endswith("\nnodes = 2")


def test_every_server_has_one_port_with_the_group_of_its_role(recording: Recording) -> None:
    for server in recording.of_type(INSTANCE):
        assert server.inputs["networks"] == [{"port": f"{server.name}-port-id"}]
        assert "securityGroups" not in server.inputs  # ignored by nova where ports are given
        assert recording.by_name(f"{server.name}-port").inputs["securityGroupIds"] == [
            f"{server.inputs['metadata']['role']}-id"
        ]
    assert len(recording.of_type(PORT)) == len(recording.of_type(INSTANCE))


def test_a_new_image_flavor_or_first_boot_replaces_nothing(recording: Recording) -> None:
    for server in recording.of_type(INSTANCE):
        assert {"userData", "imageId", "flavorId", "schedulerHints"} <= set(server.options.ignoreChanges)


def test_a_server_is_deleted_before_its_successor_is_made(recording: Recording) -> None:
    for server in recording.of_type(INSTANCE):
        assert server.options.deleteBeforeReplaceDefined
        assert server.options.deleteBeforeReplace


def test_a_replaced_server_gets_its_steps_again_and_nothing_else_is_made_anew(recording: Recording) -> None:
    for step in recording.steps():
        server = recording.resources[step.options.deletedWith]
        assert step.inputs["stdin"].startswith(f"# server {server.name}-id\n")
        assert "triggers" not in step.inputs
    servers = {server.urn for server in recording.of_type(INSTANCE)}
    named = {
        resource.name
        for resource in recording.resources.values()
        for inputs in resource.options.propertyDependencies.values()
        if resource not in recording.steps() and servers & set(inputs.urns)
    }
    assert named == {"fencing"}


@pytest.mark.parametrize("protect", [True, False])
def test_the_server_with_the_data_is_protected_where_the_settings_say_so(protect: bool) -> None:  # noqa: FBT001
    recording = recorded.run(recorded.settings_with(database={"protect": protect}))
    protected = {r.name for r in recording.resources.values() if r.options.protect}
    assert protected == ({"database"} if protect else set())


def test_the_data_is_protected_unless_the_settings_say_otherwise(recording: Recording) -> None:
    assert recording.by_name("database", INSTANCE).options.protect


def test_a_new_database_server_gets_the_tables_again(recording: Recording) -> None:
    assert "server changes: " in recording.step("schema").inputs["stdin"]
    assert "database-id" in recording.step("schema").inputs["stdin"]


@pytest.mark.parametrize(("setting", "policy"), [("hard", "anti-affinity"), ("soft", "soft-anti-affinity")])
def test_hosts_of_one_role_stand_apart(setting: str, policy: str) -> None:
    recording = recorded.run(recorded.settings_with(antiAffinity=setting))
    groups = {
        r.name: r.inputs["policies"] for r in recording.of_type("openstack:compute/serverGroup:ServerGroup")
    }
    assert groups == {"datasource-node": policy, "policy-engine": policy}
    for server in recording.of_type(INSTANCE):
        role = server.inputs["metadata"]["role"]
        hints = server.inputs.get("schedulerHints")
        assert hints == ([{"group": f"{role}-id"}] if role in groups else None)
    second, first = (recording.by_name(f"datasource-{i}", INSTANCE) for i in (2, 1))
    assert recording.needs(second, first) == (setting == "hard")


def test_connections_verify_the_host_and_go_through_the_bastion(recording: Recording) -> None:
    bastion_key = "ssh-ed25519 public-key-of-bastion-host-key"
    for step in recording.steps():
        server = recording.resources[step.options.deletedWith].name
        connection = step.inputs["connection"]
        assert connection["hostKey"] == f"ssh-ed25519 public-key-of-{server}-host-key"
        assert connection["privateKey"] == "CANARY-private-key-of-deployer-key"
        if server == "bastion":
            assert connection["host"] == recording.outputs["bastion"]
            assert "proxy" not in connection
        else:
            assert connection["host"] == recording.outputs["hosts"][server]["address"]
            assert connection["proxy"]["host"] == recording.outputs["bastion"]
            assert connection["proxy"]["hostKey"] == bastion_key


def test_every_role_has_its_servers_and_each_is_in_the_outputs(recording: Recording) -> None:
    servers = {server.name for server in recording.of_type(INSTANCE)}
    expected = set(inventory.roles(parse(recorded.settings_with())))
    assert servers == expected, "a role of roles/table.py has no component in __main__.py"
    assert set(recording.outputs["hosts"]) == servers, "add the host to `hosts` in __main__.py"


def test_outputs_are_those_of_the_contract(recording: Recording) -> None:
    assert set(recording.outputs) == {
        "endpoint",
        "endpoint_address",
        "ca_certificate",
        "auth",
        "cloud",
        "hosts",
        "policy_engines",
        "datasource_node",
        "bastion",
        "ssh_config",
        "ssh_known_hosts",
        "ssh_private_key",
    }
    assert recording.outputs["endpoint"] == f"https://{_floating(recording, 'load-balancer')}:1789"
    assert recording.outputs["datasource_node"]["hosts"] == ["datasource-1", "datasource-2"]
    for server in recording.of_type(INSTANCE):
        assert (
            f"{server.name} ssh-ed25519 public-key-of-{server.name}-host-key"
            in recording.outputs["ssh_known_hosts"]
        )


def test_an_existing_network_is_used_as_it_is() -> None:
    existing = Cloud(
        "image-id",
        "image plain",
        {"small": "id"},
        "external-id",
        SCOPE,
        ExistingNetwork("net", "sub", "10.99.0.0/24"),
    )
    network = {"externalNetwork": "public", "existing": {"network": "n", "subnet": "s"}}
    recording = recorded.run(recorded.settings_with(network=network), existing)
    made = {resource.type for resource in recording.resources.values()}
    for type_ in ("network:Network", "subnet:Subnet", "router:Router", "routerInterface:RouterInterface"):
        assert f"openstack:networking/{type_}" not in made
    for port in recording.of_type(PORT):
        assert port.inputs["networkId"] == "net"
        assert port.inputs["fixedIps"] == [{"subnetId": "sub"}]
    assert "'congress'@'10.99.0.0/255.255.255.0'" in recording.step("database-mariadb").inputs["stdin"]


def _floating(recording: Recording, host: str) -> str:
    return address("203.0", recording.by_name(f"{host}-address").name)


@pytest.mark.parametrize("count", [2, 13, 14])
def test_the_database_has_connections_for_every_engine_at_once(
    with_engines: Callable[[int, int], Recording], count: int
) -> None:
    """As many connections as oslo.db in Congress opens, for each engine and for a datasource node on either host."""
    script = with_engines(count, 1).step("database-mariadb").inputs["stdin"]
    (most,) = re.findall(r"^max_connections = (\d+)$", script, re.MULTILINE)
    assert int(most) >= 30 * (count + 2)
    # The former figure if it suffices, because another one restarts MariaDB.
    assert (int(most) == 500) == (count <= 13)
