"""The compute host under the datasource node dies, or nova on it: the other host takes over without an operator."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from openstack.connection import Connection

from tests.acceptance.support.deployment import ROOT, Deployment, run
from tests.acceptance.support.guests import Server
from tests.acceptance.support.pair import Pair, watched
from tests.support.waiting import wait_for

pytestmark = [pytest.mark.full, pytest.mark.timeout(1500)]

# The sum of the token, the limit for nova, the time until the bus drops a lost node, the proof, and the node's start.
TAKES_OVER = 240.0
# The sum of nova's start, the reboot, two monitors of the fence device, and the host's boot.
READMITTED = 480.0
# The outage of the only host of one would hide what the pair does.
NEEDED = ("bastion", "database", "messaging")


@pytest.fixture(scope="module")
def pair(deployment: Deployment, clouds: dict[str, Connection]) -> Iterator[Pair]:
    with watched(deployment, clouds["lab-admin"]) as pair:
        yield pair


def compute_host(server: Server) -> str:
    return str(server.cloud.compute.get_server(server.id).hypervisor_hostname)


def groups(server: Server) -> list[str]:
    (port,) = server.cloud.network.ports(device_id=server.id)
    return list(port.security_group_ids)


def located(host: Server) -> str:
    """Where Pacemaker runs the node, as a host of the pair knows."""
    return host.run("crm_resource --resource ds-node --locate --quiet").strip()


@contextmanager
def without_nova(node: str) -> Iterator[None]:
    """Nova's orders are not carried out on a compute host, while its guests continue to run."""
    run([ROOT / "lab/on", node, "systemctl", "stop", "nova-compute"], timeout=120)
    try:
        yield
    finally:
        run([ROOT / "lab/on", node, "systemctl", "start", "nova-compute"], timeout=120)


@contextmanager
def killed(node: str) -> Iterator[None]:
    """A compute host loses its power: all its processes end, including those of its guests. Then it boots."""
    # Without their processes, the kernel would answer for the addresses of the guests for minutes.
    cut = f"ip link set {node}-mgmt down"
    run(["bash", "-c", f". {ROOT}/lab/lib/common.sh && {cut} && end_group {node}"], timeout=60)
    try:
        yield
    finally:
        run([ROOT / "lab/up"], timeout=600)


def test_a_guest_that_lives_on_is_cut_off(pair: Pair) -> None:
    """The worst case: nova cannot stop the guest, its node works, and only corosync's link is dead."""
    lost, other = pair.active, pair.standby
    moment = time.time()
    with without_nova(compute_host(lost)):
        lost.signal("corosync", "STOP")
        wait_for("the host is isolated", TAKES_OVER, lambda: not groups(lost))
        wait_for("the other host runs the node", TAKES_OVER, lambda: located(other) == other.name)
        pair.probe.fresh(time.time(), limit=60)
        # The bus never had two nodes: neither through the guest's old connection nor through a new one.
        counts = [count for _, count in pair.observer.since(moment).consumers]
        assert max(counts) == 1, counts
        assert any("is isolated" in trouble for trouble in pair.troubles()), pair.troubles()
    pair.well(READMITTED)
    assert groups(lost) != []
    pair.probe.fresh(time.time(), limit=15)
    pair.probe.single(limit=15)


def test_a_compute_host_without_power(pair: Pair) -> None:
    # The observer asks the bus from the first engine's host.
    roles = [pair.deployment.hosts(role) for role in NEEDED]
    hosts = [pair.deployment.engines[0]["host"], *(one[0] for one in roles if len(one) == 1)]
    # Its host forwards the observers' connections to the engines.
    hosts.append(pair.deployment.hosts("load-balancer")[0])
    needed = {compute_host(pair.server(host)) for host in hosts}
    safe = [server for server in pair.servers if compute_host(server) not in needed]
    if not safe:
        pytest.skip(
            "each host of the pair shares its compute host with bastion, database or bus: deploy again"
        )
    (lost, *_), moment = safe, time.time()
    other = next(server for server in pair.servers if server is not lost)
    if pair.active is not lost:
        other.run(f"crm resource move ds-node {lost.name}")
        wait_for("the node moved", 60, lambda: located(other) == lost.name)
        other.run("crm resource clear ds-node")
        pair.well()
        moment = time.time()
    with killed(compute_host(lost)):
        wait_for("the other host runs the node", TAKES_OVER, lambda: located(other) == other.name)
        pair.probe.single(limit=60)
        counts = [count for _, count in pair.observer.since(moment).consumers]
        assert max(counts) == 1, counts
    pair.well(READMITTED)
    assert groups(lost) != []
    pair.probe.fresh(time.time(), limit=60)
    pair.probe.single(limit=15)
