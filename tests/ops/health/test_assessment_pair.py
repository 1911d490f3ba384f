"""Findings about cluster, fencing and datasource node: one for each fault, and no other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from ops.health.assessment import assess
from ops.health.facts import Facts, Unseen
from ops.health.finding import Severity
from ops.health.roles.datasource_node import DatasourceNodeHealth
from ops.health.roles.datasource_node.cluster import Failure, FenceEvent, Process
from ops.health.roles.datasource_node.crm_mon import cluster
from tests.ops.support.fact_changes import (
    DEVICE,
    HANGS,
    ONE,
    OTHER,
    bus,
    changed,
    clusters,
    device,
    ds_node,
    healthy,
    host,
    lines,
    node,
    one_view,
    processes,
)
from tests.ops.support.sample_stack import sample

PAIR = DatasourceNodeHealth


def pair(seen: Facts, **changes: Any) -> Facts:
    return changed(seen, PAIR, **changes)


WRONG: dict[str, tuple[Callable[[Facts], Facts], str, str]] = {
    "pacemaker": (
        lambda f: pair(f, clusters={**f[PAIR].clusters, "datasource-2": Unseen("not connected")}),
        "cluster: Pacemaker on datasource-2 does not answer: not connected",
        "on datasource-2: sudo systemctl start",
    ),
    "quorum": (lambda f: clusters(f, quorum=False), "cluster: the pair has no quorum", "see servers"),
    "maintenance": (lambda f: clusters(f, maintenance=True), "maintenance mode", "maintenance-mode=false"),
    "offline": (lambda f: node(f, online=False), f"{OTHER} is offline", "systemctl start corosync pacemaker"),
    "unclean": (
        lambda f: node(f, online=False, unclean=True),
        f"{OTHER} is lost and not fenced yet",
        f"--confirm {OTHER}",
    ),
    "pending": (lambda f: node(f, pending=True), f"{OTHER} is joining", "wait"),
    "standby": (lambda f: node(f, standby=True), f"{OTHER} is in standby", f"crm node online {OTHER}"),
    "node maintenance": (
        lambda f: node(f, maintenance=True),
        f"{OTHER} is in maintenance",
        f"crm node ready {OTHER}",
    ),
    "ban": (
        lambda f: clusters(f, move_constraints=("cli-ban-x",)),
        "a move left cli-ban-x",
        "crm resource clear ds-node",
    ),
    "no device": (
        lambda f: clusters(f, resources=one_view(f).resources[:1]),
        "fencing: enabled, but there is no device",
        "make up",
    ),
    "stonith off": (
        lambda f: clusters(f, stonith_enabled=False),
        "fencing: there are devices, but stonith-enabled is false",
        "make up",
    ),
    "device": (
        lambda f: device(f, role="Stopped", nodes=()),
        "fencing: device fence-1 is Stopped",
        "cleanup fence-1",
    ),
    "device's failure": (
        lambda f: clusters(
            device(f, failed=True), failures=(Failure("fence-1", ONE, "monitor", "no login"),)
        ),
        "device fence-1 is Started, but failed, last failure: monitor on congress-dev-datasource-1: no login",
        "cleanup fence-1",
    ),
    "no resource": (
        lambda f: clusters(f, resources=(DEVICE,)),
        "Pacemaker has no resource ds-node",
        "make up",
    ),
    "unmanaged": (lambda f: ds_node(f, managed=False), "ds-node is not managed", "crm resource manage"),
    "blocked": (lambda f: ds_node(f, blocked=True), "ds-node is blocked", "cleanup ds-node"),
    "stopped": (
        lambda f: ds_node(f, role="Stopped", nodes=()),
        "Pacemaker does not run ds-node: Stopped",
        "crm resource start",
    ),
    "two": (
        lambda f: processes(f, on1=(Process(1, "S"),), on2=(Process(2, "S"),)),
        "2 datasource nodes run: datasource-1 (pid 1), datasource-2 (pid 2)",
        "sudo kill",
    ),
    "none": (processes, "no datasource node runs", "crm_mon"),
    "SIGSTOP": (
        lambda f: processes(f, on2=(Process(7, "Tl"),)),
        "process 7 on datasource-2 is in state T",
        "kill -CONT 7",
    ),
    "off the bus": (lambda f: bus(f, consumers=0), "0 datasource nodes on the bus instead of one", "20 s"),
    "two on the bus": (
        lambda f: bus(f, consumers=2),
        "2 datasource nodes on the bus instead of one",
        "processes",
    ),
    "mute": (
        lambda f: pair(f, pings=dict.fromkeys(f[PAIR].pings, HANGS)),
        "it does not answer a ping over the bus: no answer within 4 s",
        "restart ds-node",
    ),
}

VAIN = (FenceEvent("reboot", OTHER, "failed", "no login"),)
NOTES: dict[str, tuple[Callable[[Facts], Facts], str]] = {
    "no fencing by will": (
        lambda f: clusters(f, stonith_enabled=False, resources=one_view(f).resources[:1]),
        "fencing: none",
    ),
    "preferred": (
        lambda f: clusters(f, move_constraints=("cli-prefer-ds-node",)),
        "a move left cli-prefer-ds-node",
    ),
    "recovered": (
        lambda f: clusters(f, failures=(Failure("ds-node", ONE, "monitor", "not running"),)),
        "monitor failed on congress-dev-datasource-1: not running; it was recovered",
    ),
    "fenced in vain, and back": (
        lambda f: clusters(f, fence_events=VAIN),
        f"fencing: an earlier reboot of {OTHER} failed, but the host is in the cluster again",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_fault_is_named_once_with_its_way_out(case: str) -> None:
    change, what, way_out = WRONG[case]
    findings = assess(change(healthy()))
    (finding,) = [finding for finding in findings if finding.severity == Severity.WRONG]
    assert what in f"{finding.role}: {finding.what}"
    assert way_out in finding.way_out


@pytest.mark.parametrize("case", NOTES)
def test_what_recovers_by_itself_or_is_intended_is_a_note(case: str) -> None:
    change, what = NOTES[case]
    (finding,) = assess(change(healthy()))
    assert finding.severity == Severity.NOTE
    assert what in f"{finding.role}: {finding.what}"


def test_a_fence_that_worked_later_is_no_finding() -> None:
    events = (FenceEvent("reboot", OTHER, "success", ""), FenceEvent("reboot", OTHER, "failed", "no login"))
    assert assess(clusters(healthy(), fence_events=events)) == []


def test_a_fence_that_failed_is_wrong_while_its_host_is_away() -> None:
    lost = node(clusters(healthy(), fence_events=VAIN), online=False, unclean=True)
    (finding,) = [finding for finding in assess(lost) if finding.role == "fencing"]
    assert (finding.severity, finding.what) == (Severity.WRONG, f"reboot of {OTHER} failed: no login")
    assert f"--history {OTHER} --cleanup" in finding.way_out


def test_a_failure_that_was_not_recovered_is_wrong() -> None:
    stopped = ds_node(healthy(), role="Stopped", nodes=())
    seen = clusters(stopped, failures=(Failure("ds-node", ONE, "start", "error"),))
    assert lines(assess(seen)) == [
        "datasource node: Pacemaker does not run ds-node: Stopped",
        f"datasource node: start failed on {ONE}: error",
    ]


def test_a_lost_host_of_the_pair_is_reported_by_the_other() -> None:
    lost = Unseen("no connection", explained=True)
    seen = host(node(healthy(), online=False), "datasource-2", status="SHUTOFF", ssh="no connection")
    seen = pair(
        seen,
        clusters={**seen[PAIR].clusters, "datasource-2": lost},
        processes={**seen[PAIR].processes, "datasource-2": lost},
        pings={**seen[PAIR].pings, "datasource-2": lost},
    )
    assert lines(assess(seen)) == [
        "servers: datasource-2 is SHUTOFF",
        f"cluster: {OTHER} is offline: no standby",
    ]


@pytest.mark.parametrize(
    ("status", "task"),
    [("ACTIVE", "pausing"), ("HARD_REBOOT", "rebooting_hard"), ("ACTIVE", "powering-off"), ("ACTIVE", "")],
)
def test_orders_that_nova_takes_and_does_not_carry_out(status: str, task: str) -> None:
    seen = clusters(
        node(healthy(), online=False, unclean=True),
        fence_events=(FenceEvent("reboot", OTHER, "failed", "timed out"),),
    )
    seen = host(seen, "datasource-2", status=status, ssh="no connection", task=task)
    (finding,) = [finding for finding in assess(seen) if finding.role == "cluster"]
    assert (f"nova accepted the request to stop it ({task})" in finding.what) == bool(task)
    assert ("make confirm-dead HOST=datasource-2" in finding.way_out) == bool(task)


def test_a_stopped_pacemaker_is_named_and_nothing_else_is_suspected() -> None:
    """Pacemaker was stopped by hand on one host and the other was rebooted: it waits for ever, with its devices."""
    waits = device(node(healthy(), pending=True), role="Stopped", nodes=())
    waits = clusters(
        waits, resources=tuple(replace(r, role="Stopped", nodes=()) for r in one_view(waits).resources)
    )
    stopped = Unseen("pacemaker.service is inactive")
    seen = pair(waits, clusters={**waits[PAIR].clusters, "datasource-2": stopped})
    findings = assess(pair(seen, processes=dict.fromkeys(seen[PAIR].processes, ())))
    assert lines(findings) == [
        f"cluster: {OTHER} is joining",
        "cluster: Pacemaker on datasource-2 does not answer: pacemaker.service is inactive",
        "datasource node: Pacemaker does not run ds-node: Stopped",
        "datasource node: no datasource node runs",
    ]
    assert "on datasource-2: sudo systemctl start corosync pacemaker" in findings[1].way_out
    assert f"on datasource-1, which then serves: sudo stonith_admin --reboot {OTHER}" in findings[0].way_out
    assert not [finding for finding in findings if "credential" in finding.way_out]


def test_faults_as_crm_mon_shows_them() -> None:
    faults = cluster(sample("crm_mon-faults.xml"), sample("constraints-faults.xml"))
    seen = healthy()
    finding = lines(assess(pair(seen, clusters=dict.fromkeys(seen[PAIR].clusters, faults))))
    assert [line.split(" on ")[0] for line in finding] == [
        f"cluster: {OTHER} is in standby: no standby for the datasource node",
        "cluster: a move left cli-ban-ds-node-on-congress-dev-datasource-2: ds-node cannot run",
        "fencing: device fence-datasource-2 is Started, but failed, last failure: start",
        "datasource node: Pacemaker does not run ds-node: Started, but failed",
        "datasource node: monitor failed",
    ]
