"""Findings about cluster, fencing and datasource node after several faults at once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ops.health.assessment import assess
from ops.health.facts import Unseen
from ops.health.finding import Severity
from ops.health.roles.datasource_node.cluster import Failure, FenceEvent
from ops.health.roles.datasource_node.crm_mon import cluster
from tests.ops.support.fact_changes import (
    ONE,
    OTHER,
    clusters,
    device,
    ds_node,
    healthy,
    host,
    lines,
    node,
    one_view,
)
from tests.ops.support.pair_faults import PAIR, VAIN, pair
from tests.ops.support.sample_stack import sample


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
    """Pacemaker was stopped by hand on one host, and the other host was rebooted. That one waits for ever."""
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
