"""The commands on each host before its server is deleted, and their order."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ops.cloud import isolation
from ops.cloud import servers as cloud
from ops.health.facts import Facts
from ops.health.roles.datasource_node.cluster import Cluster
from ops.replacement import departure
from ops.replacement.departure import Departure, clear_failures
from ops.ssh.commands import HostError
from ops.stack.host_server import Server
from roles.table import MESSAGING
from tests.ops.support import fact_changes as changes
from tests.ops.support import two_load_balancers as balancers
from tests.ops.support.fact_changes import ONE, OTHER
from tests.ops.support.lost_hosts import GONE, unreachable
from tests.ops.support.sample_stack import STACK

SERVER = Server("urn:pulumi:dev::congress-ha::openstack:compute/instance:Instance::x", "id-of-x", gone=False)


class FakeHosts:
    """Records the commands. `views`: the cluster from one query to the next."""

    def __init__(self, views: Iterator[Cluster] | None = None) -> None:
        self.done: list[str] = []
        self.views = views

    def run(self, host: str, command: str, *, timeout: float = 60) -> str:
        assert timeout > 0
        self.done.append(f"{host}: {command}")
        return ""

    def view(self, host: str) -> Cluster:
        assert self.views is not None, host
        return next(self.views)


def view(running_on: str, **other: bool) -> Cluster:
    """The cluster with its node on one host; `other`: of datasource-2."""
    seen = changes.ds_node(changes.node(changes.healthy(), **other), nodes=(running_on,))
    return changes.one_view(seen)


def depart(host: str, seen: Facts | None = None, *views: Cluster) -> list[str]:
    def for_good() -> Iterator[Cluster]:
        yield from views
        while True:
            yield views[-1]

    recorder = FakeHosts(for_good() if views else None)
    Departure(STACK, host, SERVER, recorder, seen or changes.healthy()).carry_out()  # type: ignore[arg-type]
    return recorder.done


@pytest.fixture(autouse=True)
def deleted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The requests to the cloud: ids of deleted servers, and readmitted hosts. Polling does not pause."""
    recorder: list[str] = []
    monkeypatch.setattr(cloud, "delete", recorder.append)
    monkeypatch.setattr(isolation, "readmit", lambda host: recorder.append(f"{host} admitted"))
    monkeypatch.setattr(departure, "POLL_INTERVAL", 0)
    monkeypatch.setattr(departure, "view_of", FakeHosts.view)
    return recorder


def test_engines_and_services_are_stopped_by_systemd(deleted: list[str]) -> None:
    unit = "congress-policy-engine@policy-engine-2"
    assert depart("policy-engine-host-2") == [f"policy-engine-host-2: systemctl stop {unit}"]
    assert depart("load-balancer") == ["load-balancer: systemctl stop haproxy"]
    assert depart("messaging") == ["messaging: systemctl stop rabbitmq-server"]
    assert depart("bastion") == []
    assert deleted == []


def test_one_of_two_load_balancers_hands_the_address_over_first() -> None:
    known = FakeHosts()
    Departure(balancers.STACK, balancers.SECOND, SERVER, known, balancers.facts()).carry_out()  # type: ignore[arg-type]
    assert known.done == [
        "load-balancer-2: congress-endpoint leave",
        "load-balancer-2: systemctl stop haproxy",
    ]


def test_a_host_of_the_bus_leaves_when_the_others_can_go_on() -> None:
    known = FakeHosts()
    hosts = {**STACK.hosts, "messaging-2": STACK.hosts["messaging"]}
    departing = Departure(replace(STACK, hosts=hosts), "messaging", SERVER, known, changes.healthy())  # type: ignore[arg-type]
    departing.carry_out()
    assert known.done == [f"messaging: {MESSAGING.leave}", "messaging: systemctl stop rabbitmq-server"]


@pytest.mark.parametrize(("failures", "status"), [(0, 0), (2, 0), (3, 1)])
def test_a_busy_host_of_the_bus_is_asked_again_whether_the_others_can_go_on(
    tmp_path: Path, failures: int, status: int
) -> None:
    """On a busy host, rabbitmq-upgrade may exit with 69 before it has asked."""
    calls = tmp_path / "calls"
    program = tmp_path / "rabbitmq-upgrade"
    program.write_text(
        f'#!/bin/sh\necho "$*" >> {calls}\n[ "$(wc -l < {calls})" -gt {failures} ] || exit 69\n'
    )
    program.chmod(0o700)
    (tmp_path / "systemctl").symlink_to("/bin/true")
    path = f"{tmp_path}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", MESSAGING.leave], env={"PATH": path}, timeout=30, check=False, capture_output=True
    )
    assert done.returncode == status, done
    assert calls.read_text().splitlines() == [
        "-q await_online_quorum_plus_one" for _ in range(min(failures + 1, 3))
    ]


def test_a_host_whose_rabbitmq_does_not_run_leaves_at_once(tmp_path: Path) -> None:
    """It is replaced because it is broken, and the others would not answer for it."""
    (tmp_path / "systemctl").symlink_to("/bin/false")
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    assert (
        subprocess.run(["bash", "-c", MESSAGING.leave], env=environment, timeout=30, check=False).returncode
        == 0
    )


def test_an_unreachable_host_gets_no_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert depart("policy-engine-host-2", unreachable(changes.healthy(), "policy-engine-host-2")) == []
    assert f"policy-engine-host-2 cannot be reached ({GONE})" in capsys.readouterr().out


def test_the_node_moves_before_the_cluster_is_stopped_on_its_host(deleted: list[str]) -> None:
    views = (view(OTHER), view(OTHER), view(ONE))
    assert depart("datasource-2", None, *views) == [
        f"datasource-1: crm_standby --node {OTHER} --update on",
        "datasource-2: systemctl stop pacemaker",
        "datasource-2: systemctl stop corosync",
    ]
    assert deleted == []


def test_a_node_that_does_not_move_keeps_its_host(
    monkeypatch: pytest.MonkeyPatch, deleted: list[str]
) -> None:
    monkeypatch.setattr("ops.replacement.departure.MOVE_TIMEOUT", 0.1)
    with pytest.raises(HostError, match="the datasource node runs on datasource-1"):
        depart("datasource-2", None, view(OTHER))
    assert deleted == []


@pytest.mark.parametrize("reached", [True, False])
def test_an_unreachable_host_is_deleted_before_it_is_confirmed_dead(
    deleted: list[str],
    reached: bool,  # noqa: FBT001
) -> None:
    seen = changes.healthy() if reached else unreachable(changes.healthy(), "datasource-2")
    unclean = view(OTHER, online=False, unclean=True)
    views = (unclean, unclean, unclean, unclean, view(ONE, online=False, unclean=False))
    assert depart("datasource-2", seen, *(views if reached else views[1:])) == [
        f"datasource-1: crm_standby --node {OTHER} --update on",
        f"datasource-1: stonith_admin --confirm {OTHER}",
    ]
    assert deleted == [SERVER.id, "datasource-2 admitted"]


def test_a_host_stopped_by_an_earlier_run_needs_no_confirmation(deleted: list[str]) -> None:
    off = view(ONE, online=False, unclean=False, standby=True)
    assert depart("datasource-2", None, off) == [f"datasource-1: crm_standby --node {OTHER} --update on"]
    assert deleted == [SERVER.id, "datasource-2 admitted"]


def test_with_both_hosts_unreachable_nothing_is_confirmed(deleted: list[str]) -> None:
    seen = unreachable(changes.healthy(), "datasource-1")
    assert depart("datasource-2", seen, view(OTHER)) == [
        "datasource-2: systemctl stop pacemaker",
        "datasource-2: systemctl stop corosync",
    ]
    assert depart("datasource-2", unreachable(seen, "datasource-2"), view(OTHER)) == []
    assert deleted == [SERVER.id, "datasource-2 admitted"]


@pytest.mark.parametrize(
    ("host", "done"),
    [
        ("datasource-2", [f"datasource-1: stonith_admin --history {OTHER} --cleanup"]),
        ("messaging", ["datasource-1: crm_resource --cleanup --resource ds-node"]),
        ("database", ["datasource-1: crm_resource --cleanup --resource ds-node"]),
    ],
)
def test_what_the_others_remember_of_the_outage_is_forgotten(host: str, done: list[str]) -> None:
    recorder = FakeHosts()
    clear_failures(STACK, host, recorder)  # type: ignore[arg-type]
    assert recorder.done == done
