"""Faults of the roles beside the pair: engines, load balancers, the message bus, and the database."""

from __future__ import annotations

import time
from collections.abc import Iterator

from tests.acceptance.support.bus import bus_is_whole
from tests.acceptance.support.databases import writers_host
from tests.acceptance.support.faults import FAULTS, Fault, fault
from tests.acceptance.support.guests import init_of
from tests.acceptance.support.pair import Pair
from tests.support.waiting import wait_for

ROLE_FAULTS: dict[str, Fault] = {}
BOOTED = 150  # seconds


@fault("engine killed", limit=30, absences=0, among=ROLE_FAULTS)
def engine_killed(pair: Pair) -> Iterator[None]:
    engine = pair.deployment.engines[-1]
    unit = f"congress-policy-engine@{engine['node_id']}"
    pair.deployment.on(engine["host"], f"systemctl kill -s KILL --kill-whom=all {unit}")
    yield


@fault("engine's host off and on", limit=BOOTED, absences=0, among=ROLE_FAULTS)
def engine_s_host(pair: Pair) -> Iterator[float]:
    yield off_and_on(pair, pair.deployment.engines[-1]["host"])


@fault("HAProxy killed", limit=20, absences=0, among=ROLE_FAULTS)
def haproxy_killed(pair: Pair) -> Iterator[None]:
    for host in pair.deployment.hosts("load-balancer"):
        pair.deployment.on(host, "systemctl kill -s KILL --kill-whom=all haproxy")
    yield


@fault("load balancer's host off and on", limit=BOOTED, absences=0, among=ROLE_FAULTS)
def load_balancer_s_host(pair: Pair) -> Iterator[float]:
    """Not the host of the first load balancer, which forwards the observers' connections to the engines."""
    yield off_and_on(pair, pair.deployment.hosts("load-balancer")[-1])


@fault("RabbitMQ killed", limit=60, absences=0, among=ROLE_FAULTS)
def rabbitmq_killed(pair: Pair) -> Iterator[None]:
    pair.deployment.on(
        pair.deployment.hosts("messaging")[0], "systemctl kill -s KILL --kill-whom=all rabbitmq-server"
    )
    yield
    of_three(pair)


@fault("host of the bus off and on", limit=BOOTED, among=ROLE_FAULTS)
def host_of_the_bus(pair: Pair) -> Iterator[float]:
    yield off_and_on(pair, pair.deployment.hosts("messaging")[-1])
    of_three(pair)


@fault("MariaDB killed", limit=60, absences=0, among=ROLE_FAULTS)
def mariadb_killed(pair: Pair) -> Iterator[None]:
    pair.deployment.on(writers_host(pair.deployment), "systemctl kill -s KILL --kill-whom=all mariadb")
    yield


@fault("host of the database off and on", limit=BOOTED, among=ROLE_FAULTS)
def host_of_the_database(pair: Pair) -> Iterator[float]:
    yield off_and_on(pair, writers_host(pair.deployment))


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
    if len(pair.deployment.hosts("messaging")) > 1:
        pair.well()
        bus_is_whole(pair.deployment)


ALL_FAULTS = FAULTS | ROLE_FAULTS
