"""Three hosts of the message bus: any one may fail or restart, and after all three were off, they serve again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import pytest
from openstack.connection import Connection

from roles import MESSAGING
from tests.acceptance.support import congress
from tests.acceptance.support.bus import AWAIT_MAJORITY, bus_is_whole
from tests.acceptance.support.deployment import CONGRESS_HA, Deployment, run
from tests.acceptance.support.guests import Server, init_of
from tests.acceptance.support.resource_changes import as_previewed
from tests.acceptance.support.traffic import ADDRESSES, PAUSE, Client, Traffic, traffic
from tests.support.waiting import wait_for

pytestmark = pytest.mark.timeout(900)

ONE = "messaging.hosts=1"
DATASOURCE = "bus_keystone"
LIMIT = 6.0  # seconds until a request over the bus succeeds again


class BusClient(Client):
    """Asks for what only the datasource node knows: the engine calls it over the bus, for each request."""

    path = ""

    def run(self) -> None:
        for _ in count():
            if self.over.wait(PAUSE):
                break
            self._ask("GET", self.path)
        self._hang_up()


class Members:
    def __init__(self, deployment: Deployment, admin: Connection) -> None:
        self.deployment, self.admin = deployment, admin

    @property
    def servers(self) -> list[Server]:
        """The present servers: a replaced host has another server."""
        return Server.of_role("messaging", self.deployment, self.admin)

    def audit(self) -> None:
        """The stack has no problem, and the bus can lose any one host."""
        self.deployment.well(240)
        bus_is_whole(self.deployment)


@pytest.fixture(scope="module")
def members(deployment: Deployment, clouds: dict[str, Connection]) -> Members:
    if len(deployment.hosts("messaging")) == 1:
        pytest.skip("messaging.hosts is 1")
    return Members(deployment, clouds["lab-admin"])


@pytest.fixture(scope="module")
def asking(deployment: Deployment, members: Members, clouds: dict[str, Connection]) -> Iterator[Traffic]:
    """Clients of the endpoint, the last of which needs the bus for each request."""
    assert members.servers
    congress.forget(deployment, None, DATASOURCE)
    wanted = congress.datasource_of("keystonev3", DATASOURCE, clouds["lab-admin"])
    made = congress.ok(deployment.api("POST", "/v1/data-sources", wanted, timeout=130))
    with traffic(deployment) as clients:
        on_bus = BusClient("bus", deployment, ADDRESSES[-1:], keep_alive=False, writes=False)
        on_bus.path = f"/v1/data-sources/{made['id']}/status"
        on_bus.start()
        everybody = Traffic([*clients.clients, on_bus])
        try:
            everybody.served()
            yield everybody
        finally:
            on_bus.over.set()
            on_bus.join(130)
    congress.forget(deployment, None, DATASOURCE)


def report(asking: Traffic, moment: float, what: str) -> float:
    """Print the figures; docs/figures.md has them. Returns the seconds without a success over the bus."""
    over_bus = Traffic(asking.clients[-1:]).silence(moment)
    failed = [str(asked) for asked in asking.failed(moment)]
    print(f"{what}: over the bus {over_bus:.2f} s, all {asking.silence(moment):.2f} s; failed {len(failed)}")
    print("\n".join(failed[:20]))
    return over_bus


@contextmanager
def fault(asking: Traffic, members: Members, what: str) -> Iterator[None]:
    """One host is lost inside the context. Afterwards, all clients are served again and the cluster is whole."""
    asking.served()
    moment = time.time()
    yield
    asking.served()
    assert report(asking, moment, what) < LIMIT
    members.audit()


def test_they_are_one_cluster_with_a_copy_of_each_queue_on_each(members: Members) -> None:
    members.audit()
    stand = {server.cloud.compute.get_server(server.id).hypervisor_hostname for server in members.servers}
    assert len(stand) == len(members.servers)


@pytest.mark.parametrize("number", [0, *(pytest.param(n, marks=pytest.mark.full) for n in (1, 2))])
def test_a_killed_rabbitmq(members: Members, asking: Traffic, number: int) -> None:
    with fault(asking, members, f"RabbitMQ {number} killed"):
        members.servers[number].run("systemctl kill -s KILL --kill-whom=all rabbitmq-server")


@pytest.mark.full
@pytest.mark.parametrize("number", [0, 1])
def test_a_host_that_is_off(members: Members, asking: Traffic, number: int) -> None:
    server = members.servers[number]
    asking.served()
    moment = time.time()
    server.power_off()
    try:
        wait_for("the bus serves", 30, lambda: any(not a.wrong for a in of_bus(asking, moment + 1)))
        wait_for("clients are served", 60, lambda: len(asking.since(moment)) > 100)
        assert report(asking, moment, f"host {number} off") < LIMIT
    finally:
        server.power_on()
    members.audit()


def of_bus(asking: Traffic, moment: float) -> list[Any]:
    return Traffic(asking.clients[-1:]).since(moment)


def test_one_after_another_restarts_without_a_failed_request(members: Members, asking: Traffic) -> None:
    asking.served()
    moment = time.time()
    for server in members.servers:
        server.run(AWAIT_MAJORITY, 150)
        server.run("systemctl restart rabbitmq-server", 150)
    asking.answered()
    report(asking, moment, "one after another restarted")
    assert asking.failed(moment) == [], [str(asked) for asked in asking.failed(moment)]
    members.audit()


@pytest.mark.full
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
def test_all_off_and_on(members: Members, asking: Traffic, order: tuple[int, ...]) -> None:
    moment = time.time()
    for server in members.servers:
        server.power_off()
    for number in order:
        wait_for("the server is off", 60, lambda s=members.servers[number]: not init_of(s.name))  # type: ignore[misc]
        members.servers[number].power_on()
    members.audit()
    asking.served()
    report(asking, moment, f"all off, on in the order {order}")


@pytest.mark.full
@pytest.mark.parametrize("number", [0, 2])
def test_no_request_fails_while_a_host_is_replaced(
    deployment: Deployment, members: Members, asking: Traffic, number: int
) -> None:
    host = deployment.hosts("messaging")[number]
    asking.served()
    moment = time.time()
    run([*CONGRESS_HA, "replace", host], timeout=840)
    deployment.hang_up([host])
    asking.answered()
    report(asking, moment, f"{host} replaced")
    assert asking.failed(moment) == [], [str(asked) for asked in asking.failed(moment)]
    members.audit()


@pytest.mark.full
def test_new_passwords_fail_no_request(deployment: Deployment, members: Members, asking: Traffic) -> None:
    for setting in ("rotation.messaging=2", "rotation.messaging=3"):
        asking.served()
        moment = time.time()
        deployment.up(setting)
        asking.answered()
        report(asking, moment, setting)
        assert asking.failed(moment) == [], [str(asked) for asked in asking.failed(moment)]
        members.audit()


@pytest.mark.full
def test_two_lost_stop_it_with_a_clear_word_and_it_continues_with_one_of_them(
    deployment: Deployment, members: Members, asking: Traffic
) -> None:
    asking.served()
    moment = time.time()
    for server in members.servers[1:]:
        server.power_off()
    try:
        wait_for(
            "status says that too few hosts of the bus run",
            60,
            lambda: [said for said in deployment.troubles() if said.startswith(f"{MESSAGING.row}:")],
        )
        members.servers[1].power_on()
        asking.served()
        report(asking, moment, "two of three lost, and one back")
    finally:
        for server in members.servers[1:]:
            if not init_of(server.name):
                server.power_on()
    members.audit()


@pytest.mark.full
def test_only_one_by_an_ordinary_up(deployment: Deployment, asking: Traffic) -> None:
    moment = time.time()
    deployment.up(ONE)
    asking.served()
    report(asking, moment, "from three to one")
    assert deployment.hosts("messaging") == ["messaging"]
    deployment.well(120)


@pytest.mark.full
def test_two_more_by_an_ordinary_up(
    deployment: Deployment, asking: Traffic, clouds: dict[str, Connection]
) -> None:
    servers, moment = deployment.outputs["hosts"], time.time()
    changed = as_previewed(deployment, deployment.up)
    asking.served()
    report(asking, moment, "from one to three")
    assert {how for name, how in changed.items() if name in servers} <= {"updated"}
    Members(deployment, clouds["lab-admin"]).audit()
