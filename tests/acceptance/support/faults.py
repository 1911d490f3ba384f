"""The single faults that a pair must survive, caused as hosts, networks, clouds and operators cause them.

Nothing here helps the cluster: the code after a fault's `yield` only reconnects a cable, restores power, or reverts an
operator's own command.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

from roles import DATABASE, DATASOURCE_NODE, MESSAGING
from tests.acceptance.support import databases
from tests.acceptance.support.bus import restart_bus
from tests.acceptance.support.guests import Server, init_of
from tests.acceptance.support.observer import Record
from tests.acceptance.support.pair import Expected, Pair
from tests.support.waiting import wait_for

NODE = "[-]-datasources --node-id"


@dataclass(frozen=True)
class Fault:
    """`role`: the one that the fault hits."""

    name: str
    role: str
    lasting: Callable[[Pair], AbstractContextManager[float | None]]
    expected: Expected


@dataclass(frozen=True)
class Outcome:
    """`fresh`: seconds from the fault until each engine had a row that was written after it.

    If the fault takes time to set in, the generator yields the moment from which it holds.
    """

    fresh: float
    record: Record


# In the order of the tests.
FAULTS: dict[str, Fault] = {}


def fault(
    name: str,
    *,
    limit: float,
    absences: int = 1,
    vanishes: bool = False,
    role: str = DATASOURCE_NODE.name,
    among: dict[str, Fault] = FAULTS,
) -> Callable[..., None]:
    def add(inflict: Callable[[Pair], Iterator[float | None]]) -> None:
        among[name] = Fault(name, role, contextmanager(inflict), Expected(limit, absences, vanishes))

    return add


def suffer(pair: Pair, fault: Fault) -> Outcome:
    """Wait until the pair is healthy, inflict the fault, measure, undo it, audit."""
    pair.whole()
    pair.probe.fresh(time.time(), limit=15)
    moment = time.time()
    with fault.lasting(pair) as struck:
        fresh = pair.probe.fresh(struck or moment, fault.expected.limit)
    return Outcome(fresh, pair.audit(moment, fault.expected))


@fault("crm node standby", limit=20)
def node_standby(pair: Pair) -> Iterator[None]:
    host = pair.active
    host.run(f"crm node standby {host.name}")
    try:
        yield
    finally:
        host.run(f"crm node online {host.name}")


@fault("crm resource move", limit=20)
def resource_move(pair: Pair) -> Iterator[None]:
    host, to = pair.active, pair.standby
    host.run(f"crm resource move ds-node {to.name}")
    try:
        yield
    finally:
        host.run("crm resource clear ds-node")


@fault("host destroyed by the cloud", limit=60, vanishes=True)
def host_destroyed(pair: Pair) -> Iterator[None]:
    pair.active.virsh("destroy")
    yield


@fault("corosync killed", limit=60, vanishes=True)
def corosync_killed(pair: Pair) -> Iterator[None]:
    pair.active.run("pkill -KILL -x corosync")
    yield


@fault("Pacemaker killed", limit=60, vanishes=True)
def pacemaker_killed(pair: Pair) -> Iterator[None]:
    pair.active.run("pkill -KILL pacemaker")
    yield


@fault("host rebooted from inside", limit=60)
def host_rebooted(pair: Pair) -> Iterator[None]:
    pair.active.run("systemctl reboot")
    yield


@fault("cut from everything", limit=60, vanishes=True)
def cut_from_everything(pair: Pair) -> Iterator[None]:
    host = pair.active
    host.link("down")
    try:
        yield
    finally:
        host.link("up")


@fault("cut between the two", limit=60, vanishes=True)
def cut_between(pair: Pair) -> Iterator[None]:
    addresses = {name: host["address"] for name, host in pair.deployment.outputs["hosts"].items()}
    before = {server: init_of(server.name) for server in pair.servers}

    def fenced() -> list[Server]:
        return [server for server, init in before.items() if init_of(server.name) != init]

    with blackhole(pair.servers, [addresses[name] for name in pair.deployment.hosts("datasource-node")]):
        wait_for("one fences the other", 60, fenced)
        yield


@fault("standby destroyed", limit=20, absences=0)
def standby_destroyed(pair: Pair) -> Iterator[None]:
    pair.standby.virsh("destroy")
    yield


@fault("RabbitMQ restarted", limit=60, absences=0, role=MESSAGING.name)
def rabbitmq_restarted(pair: Pair) -> Iterator[float]:
    yield restart_bus(pair.deployment)


@fault("MariaDB restarted", limit=30, absences=0, role=DATABASE.name)
def mariadb_restarted(pair: Pair) -> Iterator[float]:
    """With three hosts, another host takes over."""
    stop, start = "systemctl stop mariadb", "systemctl start mariadb"
    yield float(
        pair.deployment.on(databases.writers_host(pair.deployment), f"{stop} && date +%s.%N && {start}")
    )


@fault("both hosts off and on", limit=150, vanishes=True)
def both_off_and_on(pair: Pair) -> Iterator[float]:
    for server in pair.servers:
        server.virsh("destroy")
    off = time.time()  # until the second host is off, the node may continue
    for server in pair.servers:
        server.power_on()
    yield off


@fault("process killed", limit=20)
def process_killed(pair: Pair) -> Iterator[None]:
    pair.active.signal(NODE, "KILL")
    yield


@fault("process stopped (SIGSTOP)", limit=70)
def process_stopped(pair: Pair) -> Iterator[None]:
    pair.active.signal(NODE, "STOP")
    yield


@fault("bus lost for the host", limit=90)
def bus_lost(pair: Pair) -> Iterator[None]:
    deployment = pair.deployment
    bus = [deployment.outputs["hosts"][host]["address"] for host in deployment.hosts("messaging")]
    with blackhole([pair.active], bus):
        yield


@fault("database lost for the host", limit=90)
def database_lost(pair: Pair) -> Iterator[None]:
    """The datasources continue without it, so rows stay fresh; but nobody can create a datasource."""
    host = pair.active
    with blackhole([host], [databases.address(pair.deployment)]):
        wait_for(
            "the node leaves the host", 80, lambda: {at for at, _ in pair.observer.running()} - {host.name}
        )
        yield


@contextmanager
def blackhole(servers: Sequence[Server], addresses: Sequence[str]) -> Iterator[None]:
    """Cut servers off from addresses. A server that fencing restarts no longer has the cut."""
    try:
        for server in servers:
            own = server.run("hostname -I").split()
            for other in set(addresses) - set(own):
                server.run(f"ip route add blackhole {other}")
        yield
    finally:
        for server in servers:
            wait_for(f"{server.name} runs", 90, lambda server=server: init_of(server.name))  # type: ignore[misc]
            server.run("ip route flush type blackhole")
