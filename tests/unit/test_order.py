"""The document's order, as reachability in the graph of dependencies that the engine receives.

A step that "needs" another can only run after it, whatever the engine's parallelism.
"""

from __future__ import annotations

import pytest

from tests.unit.support import recording as recorded
from tests.unit.support.recording import Recording

DATASOURCE_HOSTS = ("datasource-1", "datasource-2")
ENGINE_HOSTS = ("policy-engine-host-1", "policy-engine-host-2")
CONGRESS_HOSTS = (*DATASOURCE_HOSTS, *ENGINE_HOSTS)

# (later, earlier), with the sentence that requires it.
ORDER = [
    # "Deploy messaging and database infrastructure to be shared by all the Congress nodes."
    ("schema", "database-mariadb"),
    # The database is dumped before its migration, when every host has the software.
    ("schema", "schema-dump"),
    ("schema-dump", "database-mariadb"),
    *(("schema-dump", f"{host}-configuration") for host in CONGRESS_HOSTS),
    ("datasource-node", "database-mariadb"),
    ("datasource-node", "messaging-rabbitmq"),
    ("datasource-node", "schema"),
    ("policy-engine-1", "database-mariadb"),
    ("policy-engine-1", "messaging-rabbitmq"),
    ("policy-engine-1", "schema"),
    # "Congress should be installed on each host expected to run a Congress node."
    *((f"{host}-configuration", f"{host}-software") for host in CONGRESS_HOSTS),
    *((f"{host}-software", f"{host}-packages") for host in CONGRESS_HOSTS),
    # "Make sure that all nodes in the cluster have same config file with same name and path."
    *(("datasource-node", f"{host}-configuration") for host in DATASOURCE_HOSTS),
    # "Install the RA with following steps", before "You can now add the Pacemaker configuration".
    *(("datasource-node", f"{host}-agent") for host in DATASOURCE_HOSTS),
    *(("datasource-node", f"{host}-cluster") for host in DATASOURCE_HOSTS),
    # A host that may start the node must first be able to stop the other host.
    *(("datasource-node", f"{host}-fencing") for host in DATASOURCE_HOSTS),
    # "This step should be done only after the Datasource Drivers Node is deployed."
    ("policy-engine-1", "datasource-node"),
    ("policy-engine-2", "datasource-node"),
    ("policy-engine-1", "policy-engine-host-1-configuration"),
    ("policy-engine-2", "policy-engine-host-2-configuration"),
    # Only the first engine works on an empty database; for more of them, test_rolling.py.
    ("policy-engine-2", "policy-engine-1"),
    # "Deploy a load-balancer to load-balance between the N policy-engine nodes."
    ("load-balancer-haproxy", "policy-engine-1"),
    ("load-balancer-haproxy", "policy-engine-2"),
]

# Dependencies that must not exist, so that hosts are prepared in parallel: (free, of).
FREE = [
    *(
        (f"{host}-software", other)
        for host in CONGRESS_HOSTS
        for other in ("database-mariadb", "messaging-rabbitmq")
    ),
    *((f"{host}-cluster", f"{host}-software") for host in DATASOURCE_HOSTS),
    *((f"{host}-fencing", f"{host}-software") for host in DATASOURCE_HOSTS),
    ("policy-engine-host-1-configuration", "datasource-node"),
    ("load-balancer-packages", "database-mariadb"),
    ("messaging-rabbitmq", "database-mariadb"),
]


@pytest.mark.parametrize(("later", "earlier"), ORDER)
def test_the_document_s_order(recording: Recording, later: str, earlier: str) -> None:
    assert recording.needs(recording.step(later), recording.step(earlier))
    assert not recording.needs(recording.step(earlier), recording.step(later))


@pytest.mark.parametrize(("free", "of"), FREE)
def test_preparation_waits_for_no_other_role(recording: Recording, free: str, of: str) -> None:
    assert not recording.needs(recording.step(free), recording.step(of))


RESTARTS = ("crm_resource --restart", "bring_up_to_date restart congress-policy-engine@")


def test_congress_is_restarted_by_node_and_engines_alone_and_after_the_migration(
    recording: Recording,
) -> None:
    """New software must not run on an old schema: every restart of Congress waits for the migration."""
    restarting = [
        step for step in recording.steps() if any(words in step.inputs["stdin"] for words in RESTARTS)
    ]
    assert {step.name for step in restarting} == {"datasource-node", "policy-engine-1", "policy-engine-2"}
    for step in restarting:
        assert recording.needs(step, recording.step("schema"))


def test_removing_a_dependency_is_seen(recording: Recording) -> None:
    """The tests above depend on `needs`: without the single edge between steps 3 and 4 it must return False."""
    datasource_node, engine = recording.step("datasource-node"), recording.step("policy-engine-1")
    changed = Recording(
        {
            urn: registered
            if registered.name != engine.name
            else type(registered)(
                **{
                    **vars(registered),
                    "dependencies": tuple(d for d in registered.dependencies if d != datasource_node.urn),
                }
            )
            for urn, registered in recording.resources.items()
        }
    )
    assert recording.needs(engine, datasource_node)
    assert not changed.needs(changed.step(engine.name), datasource_node)


def test_every_step_waits_until_its_host_is_ready(recording: Recording) -> None:
    for step in recording.steps():
        server = recording.resources[step.options.deletedWith]
        if step.name.endswith(("-ready", "-reachable")):
            continue
        assert recording.needs(step, recording.step(f"{server.name}-ready")), step.name


def test_a_host_is_hardened_before_it_gets_its_role(recording: Recording) -> None:
    for step in recording.steps():
        server = recording.resources[step.options.deletedWith]
        if server.name != "bastion" and not step.name.endswith(("-ready", "-hardening")):
            assert recording.needs(step, recording.step(f"{server.name}-hardening")), step.name


def test_nobody_waits_for_the_bastion_to_be_hardened(recording: Recording) -> None:
    hardening = recording.step("bastion-hardening")
    assert not any(recording.needs(step, hardening) for step in recording.steps())


@pytest.mark.parametrize("wanted", [True, False])
def test_every_host_upgrades_itself_or_none(wanted: bool) -> None:  # noqa: FBT001
    recording = recorded.run(recorded.settings_with(guest={"securityUpgrades": wanted}))
    steps = [step for step in recording.steps() if step.name.endswith("-hardening")]
    assert len(steps) == len(recording.of_type("openstack:compute/instance:Instance"))
    for step in steps:
        assert f'Unattended-Upgrade "{int(wanted)}";' in step.inputs["stdin"], step.name


def test_hosts_are_looked_for_by_the_bastion_before_the_deployer_connects(recording: Recording) -> None:
    for host in (*CONGRESS_HOSTS, "database", "messaging", "load-balancer"):
        reachable, ready = recording.step(f"{host}-reachable"), recording.step(f"{host}-ready")
        assert recording.resources[reachable.options.deletedWith].name == "bastion"
        assert recording.needs(ready, reachable)
        assert recording.needs(reachable, recording.step("bastion-ready"))


def test_floating_ips_wait_for_the_router_and_ports_for_the_subnet(recording: Recording) -> None:
    interface = recording.by_name("network-router-interface")
    for address in recording.of_type("openstack:networking/floatingIp:FloatingIp"):
        assert recording.needs(address, interface)
    for port in recording.of_type("openstack:networking/port:Port"):
        assert recording.needs(port, recording.by_name("network-subnet"))
