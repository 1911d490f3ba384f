"""Faults of cluster, fencing and datasource node, each with the finding about it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ops.health.facts import Facts, Unseen
from ops.health.roles.datasource_node import DatasourceNodeHealth
from ops.health.roles.datasource_node.cluster import Failure, FenceEvent, Process
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
    node,
    one_view,
    processes,
)

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
