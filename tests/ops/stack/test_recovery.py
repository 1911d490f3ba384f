"""Recovery from an interrupted run: first in the cloud, then in the state, and only if no other run holds the lock."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from components.preflight.state import Pending
from ops.stack.checkpoint import Checkpoint
from ops.stack.recovery import Pulumi, PulumiError, urns
from tests.ops.support.fake_cloud import server, thing
from tests.ops.support.fake_pulumi import (
    CLEAR,
    LONG_AGO,
    PORT,
    QUIET,
    SKIP,
    checkpoint_of,
    orphan_port,
    simulation,
)

SAMPLE = Path(__file__).parents[1] / "support/samples/interrupted.json"


def test_an_empty_state_sends_no_request_to_the_cloud() -> None:
    at = simulation(Checkpoint(LONG_AGO, frozenset(), frozenset(), {}, ()))
    assert (at.recover(), at.connections, at.messages) == ([], 0, [])


def test_a_correct_state_is_not_changed() -> None:
    at = simulation(QUIET)
    assert (at.recover(), at.messages) == ([], [])


def test_resources_of_an_interrupted_creation_are_deleted_before_the_state_is_cleared() -> None:
    at = simulation(replace(QUIET, pending=(PORT,)), ports=[orphan_port()])
    assert at.recover() == [SKIP, ("ports", "orphan"), CLEAR]
    assert at.messages == [
        "database-port was interrupted while creating: deleting port congress-dev-database (orphan)"
    ]


def test_a_creation_that_never_happened_is_cleared() -> None:
    at = simulation(replace(QUIET, pending=(PORT,)))
    assert at.recover() == [SKIP, CLEAR]
    assert at.messages == ["database-port was interrupted while creating"]


def test_components_are_not_reported() -> None:
    group = replace(
        PORT,
        type="congress-ha:index:Host",
        urn="urn:pulumi:dev::congress-ha::congress-ha:index:Host::database",
    )
    at = simulation(replace(QUIET, pending=(group,)))
    assert (at.recover(), at.messages) == ([SKIP, CLEAR], [])


@pytest.mark.parametrize("operation", ["deleting", "updating"])
def test_other_operations_are_settled_by_one_refresh(operation: str) -> None:
    at = simulation(replace(QUIET, pending=(replace(PORT, operation=operation),)), ports=[orphan_port()])
    assert at.recover() == [SKIP]


def test_nothing_is_deleted_while_another_run_holds_the_lock() -> None:
    at = simulation(replace(QUIET, pending=(PORT,)), ports=[orphan_port()])
    at.pulumi = replace(at.pulumi, refusal="the stack is currently locked")
    with pytest.raises(PulumiError, match="locked"):
        at.recover()
    assert at.pulumi.done == []


def test_recovery_may_be_interrupted_before_the_state_is_cleared() -> None:
    at = simulation(replace(QUIET, pending=(PORT,)), ports=[orphan_port()])
    at.recover()
    at.pulumi.done.clear()
    assert at.recover() == [SKIP, CLEAR]


def test_a_missing_server_is_removed_from_the_state() -> None:
    at = simulation(QUIET, servers=[])
    assert at.recover() == [SKIP]
    assert at.messages == ["server congress-dev-bastion is gone from the cloud: removing it from the state"]


def test_an_interrupted_replacement_continues_if_the_old_server_is_gone() -> None:
    creation = Pending(
        "creating",
        "urn::bastion",
        "openstack:compute/instance:Instance",
        {"name": "congress-dev-bastion", "metadata": {}, "networks": [{"port": "port"}]},
    )
    newer = server("newer", name="congress-dev-bastion")
    at = simulation(replace(QUIET, pending=(creation,)), servers=[newer])
    assert at.recover() == [SKIP, ("servers", "newer"), ("gone", "newer"), CLEAR]


def test_a_server_that_is_being_deleted_is_waited_for() -> None:
    at = simulation(QUIET, servers=[server("bastion", task_state="deleting")])
    assert at.recover() == [("gone", "bastion"), SKIP]


def test_a_server_that_the_cloud_could_not_make_is_deleted() -> None:
    at = simulation(QUIET, servers=[server("bastion", status="ERROR", launched_at=None)])
    assert at.recover() == [SKIP, ("servers", "bastion"), ("gone", "bastion"), CLEAR]


def test_a_server_that_once_ran_is_never_deleted() -> None:
    at = simulation(QUIET, servers=[server("bastion", status="ERROR")])
    assert at.recover() == []


def test_the_cloud_gets_time_for_the_last_request(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr("ops.stack.recovery.time.sleep", slept.append)
    simulation(replace(QUIET, pending=(PORT,), written=datetime.now(UTC) - timedelta(seconds=4))).recover()
    simulation(replace(QUIET, pending=(PORT,))).recover()
    assert slept[0] == pytest.approx(6, abs=1)
    assert slept[1] == 0


def test_the_state_of_an_engine_that_was_killed() -> None:
    """A recorded state from the lab, shortened. The cloud here has created three of the five pending resources."""
    checkpoint = checkpoint_of(json.loads(SAMPLE.read_text()))
    network, group, bastions, balancers = (
        "d536d538-6461-4ae6-91c5-a9011473dc0e",
        "e4177c13-48b0-4aa4-b516-7e96e933f571",
        "6c4485a5-10a3-48f4-ab18-86128242259c",
        "4c3737a5-77cb-45eb-af4c-fdd0d56a4b3a",
    )
    assert {network, group, bastions} <= checkpoint.ids
    rule = {"security_group_id": group, "direction": "ingress", "ether_type": "IPv4", "protocol": "tcp"}
    from_bastions = {"port_range_min": 22, "port_range_max": 22, "remote_group_id": bastions}
    from_balancers = {"port_range_min": 1789, "port_range_max": 1789, "remote_group_id": balancers}
    name = "congress-cut-policy-engine-host-2"
    at = simulation(
        checkpoint,
        routers=[thing("router", name="congress-cut")],
        ports=[thing("port", name=name, network_id=network, device_id="")],
        security_group_rules=[
            thing("rule", **rule, **from_balancers, remote_ip_prefix=None),
            thing("another", **rule, **{**from_bastions, "port_range_max": 23}, remote_ip_prefix=None),
        ],
    )
    assert at.recover() == [
        SKIP,
        ("routers", "router"),
        ("security_group_rules", "rule"),
        ("ports", "port"),
        CLEAR,
    ]
    assert at.messages[3:] == [
        "database-port was interrupted while creating",
        f"policy-engine-host-2-port was interrupted while creating: deleting port {name} (port)",
    ]


def test_servers_that_pulumi_replaces_are_not_expected() -> None:
    made = {
        "urn": "urn::a",
        "type": "openstack:compute/instance:Instance",
        "inputs": {"name": "congress-dev-a"},
    }
    resources = [
        {**made, "id": "there"},
        {**made, "id": "replaced", "pendingReplacement": True},
        {**made, "id": "old", "delete": True},
    ]
    checkpoint = checkpoint_of({"deployment": {"resources": resources}})
    assert checkpoint.servers == {"there": "congress-dev-a"}
    assert checkpoint.ids == {"there", "replaced", "old"}


def test_resources_that_the_next_run_names_are_excluded() -> None:
    """A server that it replaces may be gone from the cloud already, and must stay in the state."""
    excluded = urns(
        ["up", "--replace", "urn:pulumi:dev::a", "--target=urn:pulumi:dev::b", "-t", "urn:pulumi:dev::c"]
    )
    assert excluded == {"urn:pulumi:dev::a", "urn:pulumi:dev::b", "urn:pulumi:dev::c"}
    made = {"type": "openstack:compute/instance:Instance", "inputs": {"name": "congress-dev-a"}}
    resources = [{**made, "urn": f"urn:pulumi:dev::{name}", "id": name} for name in ("a", "bastion")]
    checkpoint = checkpoint_of({"deployment": {"resources": resources}}, excluded)
    assert checkpoint.servers.keys() == {"bastion"}
    at = simulation(replace(checkpoint, pending=(PORT,)))
    exclude = "--exclude urn:pulumi:dev::a"
    assert at.recover() == [f"{SKIP} {exclude}", f"{CLEAR} {exclude}"]


@pytest.mark.parametrize(
    "exported", [{}, {"deployment": None}, {"version": 3, "deployment": {"manifest": {}}}]
)
def test_a_stack_without_any_resource(exported: dict[str, Any]) -> None:
    assert checkpoint_of(exported).ids == frozenset()


def test_pulumi_s_message_about_the_lock_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = tmp_path / "pulumi"
    fake.write_text(
        "#!/bin/sh\necho Refreshing\necho 'error: the stack is currently locked by 1 lock(s)' >&2\nexit 255\n"
    )
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    with pytest.raises(PulumiError) as refused:
        Pulumi(["--config-file", "Pulumi.mine.yaml"]).refresh(SKIP)
    assert str(refused.value) == "pulumi refresh: error: the stack is currently locked by 1 lock(s)"


def test_creations_of_an_administrator_are_searched_with_that_login() -> None:
    provider = "urn:pulumi:dev::congress-ha::congress-ha:index:Keystone$pulumi:providers:openstack::{}"
    type_ = "openstack:identity/user:User"
    providers = [
        {
            "urn": provider.format(name),
            "id": "id",
            "type": "pulumi:providers:openstack",
            "inputs": {"cloud": cloud},
        }
        for name, cloud in (("keystone-administrator", "mycloud-admin"), ("default_5_5_1", "mycloud"))
    ]
    user = {
        "urn": f"urn:pulumi:dev::congress-ha::{type_}::keystone-user",
        "type": type_,
        "inputs": {"name": "congress", "domainId": "default", "description": "ours"},
        "provider": f"{provider.format('keystone-administrator')}::id",
    }
    port = {
        "urn": PORT.urn,
        "type": PORT.type,
        "inputs": PORT.inputs,
        "provider": f"{provider.format('default_5_5_1')}::id",
    }
    operations = [{"type": "creating", "resource": resource} for resource in (user, port)]
    checkpoint = checkpoint_of({"deployment": {"resources": providers, "pending_operations": operations}})
    made = thing("it", name="congress", domain_id="default", description="ours")
    at = simulation(checkpoint, users=[made])
    assert ("users", "it") in at.recover()
    assert at.logins == [None, "mycloud-admin"]


def test_without_pulumi_in_path_the_way_out_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PulumiError, match=r"no pulumi is in PATH: .*source toolchain/env"):
        Pulumi().export()
