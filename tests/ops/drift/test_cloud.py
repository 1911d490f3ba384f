"""The comparison of cloud and state: each change is named once, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from unittest.mock import create_autospec

import pytest
from openstack.compute.v2.server import Server
from openstack.connection import Connection

from components.preflight.state import GROUP, RULE, SERVER
from ops.drift.cloud import compare, hosts_not_running, summaries
from tests.ops.support.cloud_changes import CHANGES, rule, state, view, with_, without


def drifts(changed: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, str, str]]:
    return [(drift.role, drift.what, drift.remedy) for drift in compare(changed, state())]


def test_a_cloud_that_matches_the_state_has_no_drift() -> None:
    assert drifts(view()) == []
    assert hosts_not_running(view(), state()) == set()
    assert summaries(view(), state()) == {
        "servers": "2 of 2 servers",
        "ports": "2 of 2 ports",
        "security groups": "1 of 1 groups, 2 of 2 rules",
        "floating IPs": "1 of 1 floating IPs",
    }


@pytest.mark.parametrize("name", CHANGES)
def test_each_change_in_the_cloud_is_named_once(name: str) -> None:
    changed, *expected = CHANGES[name]
    assert drifts(changed) == [tuple(expected)]


def test_the_successor_of_a_missing_server_is_not_for_deletion() -> None:
    """This state is old: somebody has replaced the server with a newer copy of it."""
    changed = without(SERVER, "server-database")
    changed[SERVER]["newer"] = Server(id="newer", name="congress-dev-database", status="ACTIVE")
    found = {what: remedy for _, what, remedy in drifts(changed)}
    remedy = found["a server congress-dev-database (newer) is not the stack's"]
    assert remedy == "a newer copy of the state has it: work there (docs/recover.md, This state is old)"


def test_the_rules_of_a_missing_group_are_not_listed() -> None:
    assert drifts(without(GROUP, "group")) == [
        ("security groups", "group database is gone", "creates it again")
    ]


def test_an_older_group_keeps_neutron_s_egress_rules_until_it_has_its_own() -> None:
    neutrons = with_(RULE, rule("out4", direction="egress"))
    older = replace(state(), resources=tuple(r for r in state().resources if r.id != "out"))
    assert [drift.what for drift in compare(neutrons, older)] == [
        "group database has a rule that is not the stack's: egress IPv4 tcp all ports to 0.0.0.0/0"
    ]
    assert [drift.what for drift in compare(neutrons, state())] == [
        "group database has a rule that is not the stack's: egress IPv4 any all ports to anywhere"
    ]


def test_hosts_whose_servers_do_not_run() -> None:
    off = with_(SERVER, Server(id="server-bastion", name="congress-dev-bastion", status="SHUTOFF"))
    del off[SERVER]["server-database"]
    assert hosts_not_running(off, state()) == {"bastion", "database"}


@pytest.mark.parametrize("status", ["PAUSED", "SUSPENDED"])
def test_a_paused_host_of_the_pair_is_never_resumed(status: str) -> None:
    """It was fenced: its datasource node would run beside the other host's."""
    (step,) = (r for r in state().resources if r.name == "bastion-ready")
    pair = replace(
        state(), resources=(*state().resources, replace(step, urn=step.urn.replace("-ready", "-cluster")))
    )
    frozen = with_(SERVER, Server(id="server-bastion", name="congress-dev-bastion", status=status))
    (drift,) = compare(frozen, pair)
    assert (drift.what, drift.remedy) == (f"bastion is {status}", "reboots it hard")
    cloud = create_autospec(Connection, instance=True)
    assert drift.call is not None
    drift.call(cloud)
    cloud.compute.reboot_server.assert_called_once_with("server-bastion", "HARD")
    assert not cloud.compute.unpause_server.called
    assert not cloud.compute.resume_server.called


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("rule added", lambda cloud: cloud.network.delete_security_group_rule.assert_called_once_with("new")),
        (
            "port's groups",
            lambda cloud: cloud.network.update_port.assert_called_once_with(
                "port-database", security_groups=["group"]
            ),
        ),
        ("server off", lambda cloud: cloud.compute.start_server.assert_called_once_with("server-bastion")),
    ],
)
def test_the_cloud_s_api_repairs_what_up_cannot(name: str, asked: Callable[[Any], None]) -> None:
    cloud = create_autospec(Connection, instance=True)
    (drift,) = compare(CHANGES[name][0], state())
    assert drift.call is not None
    drift.call(cloud)
    asked(cloud)


def test_a_protected_server_is_recreated_only_by_its_name() -> None:
    recorded = state()
    resources = tuple(replace(one, protected=one.id == "server-database") for one in recorded.resources)
    (drift,) = compare(without(SERVER, "server-database"), replace(recorded, resources=resources))
    assert drift.by_hand
    assert drift.remedy.startswith("make up GONE=congress-dev-database, which creates an empty one;")


def test_address_pairs_are_restored() -> None:
    """Without the pair of the virtual address, the cloud drops the traffic of the load balancer that takes it."""
    (port,) = (r for r in state().resources if r.name == "database-port")
    inputs = {**port.inputs, "allowedAddressPairs": [{"ipAddress": "10.20.0.8"}]}
    pair = replace(
        state(),
        resources=tuple(replace(r, inputs=inputs) if r.id == port.id else r for r in state().resources),
    )
    (drift,) = compare(view(), pair)
    assert (drift.what, drift.remedy) == ("port database-port has other address pairs: none", "restores them")
    cloud = create_autospec(Connection, instance=True)
    assert drift.call is not None
    drift.call(cloud)
    cloud.network.update_port.assert_called_once_with(
        "port-database", allowed_address_pairs=[{"ip_address": "10.20.0.8"}]
    )
