"""Two load balancers: the endpoint survives the loss of one, moves without a failed request, and only one holds it."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from openstack.connection import Connection

from tests.acceptance.support.balancers import Balancers
from tests.acceptance.support.deployment import Deployment
from tests.acceptance.support.resource_changes import as_previewed
from tests.acceptance.support.traffic import Traffic, traffic
from tests.support.waiting import wait_for

pytestmark = pytest.mark.timeout(900)

ONE = "loadBalancer.hosts=1"


@pytest.fixture(scope="module")
def balancers(deployment: Deployment, clouds: dict[str, Connection]) -> Balancers:
    return Balancers(deployment, clouds["lab-admin"])


@pytest.fixture(scope="module")
def asking(deployment: Deployment) -> Iterator[Traffic]:
    with traffic(deployment) as clients:
        yield clients


def served_again(clients: Traffic, moment: float, what: str) -> None:
    """Print the figures; docs/figures.md compares them with the mark of two seconds."""
    clients.served()
    report(clients, moment, what)


def report(clients: Traffic, moment: float, what: str) -> None:
    seconds = clients.silence(moment)
    print(f"{what}: {seconds:.2f} s without an answer, {len(clients.failed(moment))} requests failed")


def test_one_holds_the_address(balancers: Balancers) -> None:
    balancers.audit()
    first, second = (server.cloud.compute.get_server(server.id) for server in balancers.servers)
    print(f"on {first.hypervisor_hostname} and {second.hypervisor_hostname}")


def test_a_killed_haproxy(balancers: Balancers, asking: Traffic) -> None:
    moment = time.time()
    balancers.holder.run("systemctl kill -s KILL --kill-whom=all haproxy")
    served_again(asking, moment, "HAProxy killed")
    balancers.audit()


def test_an_haproxy_that_does_not_come_back(balancers: Balancers, asking: Traffic) -> None:
    before, other, moment = balancers.holder, balancers.standby, time.time()
    before.run("systemctl stop haproxy")
    try:
        served_again(asking, moment, "HAProxy stopped")
        assert [server.name for server in balancers.holders()] == [other.name]
    finally:
        before.run("systemctl start haproxy")
    balancers.audit()
    assert balancers.holder.name == other.name, "whoever has the address keeps it"


def test_a_host_that_is_off(balancers: Balancers, asking: Traffic) -> None:
    before, other, moment = balancers.holder, balancers.standby, time.time()
    before.power_off()
    try:
        wait_for(
            "the other one has the address", 30, lambda: [s.name for s in balancers.holders()] == [other.name]
        )
        # Not all clients: a client that waits for an answer of the host that is off may wait until its own timeout.
        wait_for("clients are served", 30, lambda: len(asking.since(moment)) > 100)
        report(asking, moment, "host off")
    finally:
        before.power_on()
    balancers.audit()
    assert balancers.holder.name == other.name, "whoever has the address keeps it"


@pytest.mark.parametrize("turn", ["there", pytest.param("back", marks=pytest.mark.full)])
def test_a_planned_move_fails_no_request(balancers: Balancers, asking: Traffic, turn: str) -> None:
    before, other = balancers.holder, balancers.standby
    asking.served()
    moment = time.time()
    said = before.run("congress-endpoint move 2>&1", timeout=90)
    asking.answered()
    print(f"planned move {turn}: {asking.slowest(moment)}; {said}")
    assert asking.failed(moment) == [], [str(asked) for asked in asking.failed(moment)]
    assert balancers.holder.name == other.name
    balancers.audit()


@pytest.mark.full
def test_only_one_by_an_ordinary_up(deployment: Deployment, asking: Traffic) -> None:
    endpoint, moment = deployment.endpoint, time.time()
    deployment.up(ONE)
    deployment.hang_up(["load-balancer-2"])
    asking.served()
    print(f"shrinking: {asking.silence(moment):.2f} s, {[str(asked) for asked in asking.failed(moment)]}")
    assert deployment.endpoint == endpoint
    assert deployment.hosts("load-balancer") == ["load-balancer"]
    deployment.well(120)
    assert deployment.on("load-balancer", "systemctl is-active keepalived || true") == "inactive"


@pytest.mark.full
def test_a_second_one_comes_by_an_ordinary_up(deployment: Deployment, asking: Traffic) -> None:
    endpoint, servers = deployment.endpoint, deployment.outputs["hosts"]
    moment = time.time()
    changed = as_previewed(deployment, deployment.up)
    asking.served()
    print(f"growing: {asking.silence(moment):.2f} s, {[str(asked) for asked in asking.failed(moment)]}")
    assert changed["load-balancer-address"] == changed["load-balancer-port"] == "updated"
    assert {how for name, how in changed.items() if name in servers} <= {"updated", "created"}
    assert deployment.endpoint == endpoint
    assert deployment.hosts("load-balancer") == ["load-balancer", "load-balancer-2"]
