"""Faults of the roles beside the pair: engines, load balancers, the message bus, and the database.

Of equal hosts, the pair's dice draws one. Two hosts are never off, because the observers need them: the first load
balancer forwards connections to the engines, and the first engine's host asks the bus.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

from roles import DATABASE, LOAD_BALANCER, MESSAGING, POLICY_ENGINE
from tests.acceptance.support.balancers import Balancers
from tests.acceptance.support.bus import bus_is_whole
from tests.acceptance.support.databases import writers_host
from tests.acceptance.support.faults import FAULTS, Fault, fault
from tests.acceptance.support.guests import init_of
from tests.acceptance.support.pair import Pair
from tests.support.waiting import wait_for

ROLE_FAULTS: dict[str, Fault] = {}
BOOTED = 150  # seconds
KILL = "systemctl kill -s KILL --kill-whom=all"


@fault("engine killed", limit=30, absences=0, role=POLICY_ENGINE.name, among=ROLE_FAULTS)
def engine_killed(pair: Pair) -> Iterator[None]:
    engine = pair.dice.choice(pair.deployment.engines)
    pair.deployment.on(engine["host"], f"{KILL} congress-policy-engine@{engine['node_id']}")
    yield


@fault("engine's host off and on", limit=BOOTED, absences=0, role=POLICY_ENGINE.name, among=ROLE_FAULTS)
def engine_s_host(pair: Pair) -> Iterator[float]:
    yield off_and_on(pair, pair.deployment.engines[-1]["host"])


@fault("HAProxy killed", limit=20, absences=0, role=LOAD_BALANCER.name, among=ROLE_FAULTS)
def haproxy_killed(pair: Pair) -> Iterator[None]:
    for host in pair.deployment.hosts(LOAD_BALANCER.name):
        pair.deployment.on(host, f"{KILL} haproxy")
    yield


@fault(
    "load balancer's host off and on", limit=BOOTED, absences=0, role=LOAD_BALANCER.name, among=ROLE_FAULTS
)
def load_balancer_s_host(pair: Pair) -> Iterator[float]:
    """The host that is off has the endpoint's address."""
    first, *others = pair.deployment.hosts(LOAD_BALANCER.name)
    if others:
        balancers, other = Balancers(pair.deployment, pair.admin), pair.server(others[-1]).name
        if balancers.holder.name != other:
            balancers.holder.run("congress-endpoint move", timeout=90)
        wait_for("it has the address", 30, lambda: [one.name for one in balancers.holders()] == [other])
    yield off_and_on(pair, others[-1] if others else first)


@fault("RabbitMQ killed", limit=60, absences=0, vanishes=True, role=MESSAGING.name, among=ROLE_FAULTS)
def rabbitmq_killed(pair: Pair) -> Iterator[None]:
    pair.deployment.on(pair.some(MESSAGING.name), f"{KILL} rabbitmq-server")
    yield
    of_three(pair)


@fault("host of the bus off and on", limit=BOOTED, vanishes=True, role=MESSAGING.name, among=ROLE_FAULTS)
def host_of_the_bus(pair: Pair) -> Iterator[float]:
    yield off_and_on(pair, pair.some(MESSAGING.name))
    of_three(pair)


@fault("host of the bus cut off", limit=90, vanishes=True, role=MESSAGING.name, among=ROLE_FAULTS)
def host_of_the_bus_cut(pair: Pair) -> Iterator[None]:
    server = pair.server(pair.some(MESSAGING.name))
    server.link("down")
    try:
        yield
    finally:
        server.link("up")
    of_three(pair)


@fault("MariaDB killed", limit=60, absences=0, role=DATABASE.name, among=ROLE_FAULTS)
def mariadb_killed(pair: Pair) -> Iterator[None]:
    pair.deployment.on(writers_host(pair.deployment), f"{KILL} mariadb")
    yield


@fault("host of the database off and on", limit=BOOTED, role=DATABASE.name, among=ROLE_FAULTS)
def host_of_the_database(pair: Pair) -> Iterator[float]:
    yield off_and_on(pair, pair.some(DATABASE.name))


def off_and_on(pair: Pair, host: str) -> float:
    """End a host as a power cut does, and start it; return when it was off (time.time())."""
    server = pair.server(host)
    server.power_off()
    off = time.time()
    wait_for("the server is off", 60, lambda: not init_of(server.name))
    server.power_on()
    pair.deployment.hang_up([host])
    return off


def of_three(pair: Pair) -> None:
    """Wait until the bus can lose another host."""
    if len(pair.deployment.hosts(MESSAGING.name)) > 1:
        pair.well()
        bus_is_whole(pair.deployment)


ALL_FAULTS = FAULTS | ROLE_FAULTS
