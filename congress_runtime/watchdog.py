"""End a Congress node that can no longer work, so that a running process means a working node.

Upstream's OCF agent checks only that the process exists, but a Congress node that has lost its message bus or its
database keeps running and waits. Here, green threads in the node's own service loop check what the node needs. If one
check has not succeeded for the deadline, the process logs the reason and exits. The guard monitors the loop itself from
outside, by the heartbeats that this module sends.

Without the bus, nodes of both roles end: a policy engine without the bus refuses no request, its requests hang. Without
the database, only the datasource node ends, because another host may reach the database. An engine answers with an
error at once and recovers 0.2 s after the database returns, which is sooner than a restart.

RabbitMQ blocks all publishers while it is short of memory or disk. The node then waits without a limit: a restarted
node could not publish either, and would have lost its rows.

A datasource node also ends if its rounds of synchronisation end no more: it would serve nobody (rounds.py).

A datasource node that has not worked yet waits longer, because it was started when the other host did not work or was
lost. It waits longer than Pacemaker's failure-timeout, so Pacemaker may try the other host again when this one
gives up. So an outage of bus or database never leaves the node stopped, however long it lasts.
"""

import contextlib
import dataclasses
import itertools
import math
import os
from collections.abc import Callable

import eventlet
import sqlalchemy
from congress_runtime import rounds
from congress_runtime.bus import (
    DATASOURCE_MANAGER,
    POLICY_ENGINE,
    blocked_reasons,
    connection,
    ping,
    rpc_transport,
)
from eventlet import patcher
from oslo_config import cfg
from oslo_log import log
from sqlalchemy.pool import NullPool

LOG = log.getLogger(__name__)

# All times are in seconds.
PAUSE = 3  # between two runs of a check, and what one run may add to the deadline
SHORT_PAUSE = 0.5  # before the first success
TIMEOUT = 5.0
BLOCKED_LOOKS = 10  # at a bus that blocks publishers, on one connection
START_LIMIT = 60  # a starting node answers late, because it loads drivers and reads datasources
FAILURE_TIMEOUT = 120  # of templates/datasource_node/ds_node.crm.j2; a test compares them
EXIT_CODE = 69  # EX_UNAVAILABLE of sysexits.h
ALIVE, WORKS, UNABLE = b".", b"+", b"!"  # the guard's docstring explains them


@dataclasses.dataclass
class Check:
    """One thing that the node needs, named `what`; `probe` raises an exception when it is not available.

    `limit`: seconds without a success; `first_limit`: the same before the first success. `silence`: seconds since
    the last success, counted by `send_heartbeats`. `only_at_start`: the check ends with its first success.
    """

    what: str
    probe: Callable[[], object]
    limit: float
    first_limit: float
    only_at_start: bool = False
    worked: bool = False
    silence: int = 0
    problem: str = "no answer"

    @property
    def expired(self) -> bool:
        return self.silence > (self.limit if self.worked else self.first_limit)

    def run(self) -> None:
        while True:
            try:
                self.probe()
            except (Exception, eventlet.Timeout) as error:  # noqa: BLE001 - any error means that it does not work
                self.problem = f"{type(error).__name__}: {error}".splitlines()[0]
            else:
                self.silence, self.worked = 0, True
                if self.only_at_start:
                    self.limit = math.inf
                    return
            eventlet.sleep(PAUSE if self.worked else SHORT_PAUSE)


def start(conf: cfg.ConfigOpts, heartbeat_pipe: int) -> None:
    """Run the checks in green threads. `heartbeat_pipe`: descriptor of the pipe to the guard.

    On a datasource node, return only when the database answers: without it, Congress would end at once.
    """
    node_checks = checks(conf)
    for check in node_checks:
        eventlet.spawn(check.run)
    eventlet.spawn(send_heartbeats, heartbeat_pipe, node_checks)
    if conf.datasources:
        database = node_checks[-1]
        while not database.worked:
            eventlet.sleep(0.05)


def checks(conf: cfg.ConfigOpts) -> list[Check]:
    deadline = conf.watchdog.deadline
    first_limit = FAILURE_TIMEOUT + deadline if conf.datasources else deadline
    service = DATASOURCE_MANAGER if conf.datasources else POLICY_ENGINE
    transport = rpc_transport(conf)
    database = sqlalchemy.create_engine(conf.database.connection, poolclass=NullPool)

    def answers() -> None:
        ping(conf, transport, service, TIMEOUT, server=conf.node_id)

    def reaches_bus() -> None:
        # While the node answers over the bus, an extra connection would only fill RabbitMQ's log.
        if not answer.worked or answer.silence > PAUSE + TIMEOUT:
            with connection(conf, TIMEOUT) as link:
                # A new connection after BLOCKED_LOOKS: an old one would not notice that RabbitMQ's host is lost.
                for reason in itertools.islice(blocked_reasons(link, PAUSE), BLOCKED_LOOKS):
                    LOG.warning("the message bus blocks all publishers, this node waits: %s", reason)
                    answer.silence = bus.silence = 0

    def reaches_database() -> None:
        with eventlet.Timeout(TIMEOUT), database.connect() as link:
            link.execute(sqlalchemy.text("SELECT 1"))

    answer = Check(
        "its own answer over the message bus",
        answers,
        limit=deadline,
        first_limit=first_limit if conf.datasources else START_LIMIT,
    )
    bus = Check("the message bus", reaches_bus, limit=deadline, first_limit=first_limit)
    database_check = Check(
        "the database",
        reaches_database,
        limit=deadline,
        first_limit=first_limit,
        only_at_start=not conf.datasources,
    )
    if not conf.datasources:
        return [answer, bus, database_check]
    period = conf.datasource_sync_period
    rounds_check = Check(
        "a round of synchronisation of its datasources",
        goes_on(lambda: rounds.ended),
        limit=deadline + 2 * period,
        first_limit=first_limit + 2 * period,
    )
    return [answer, bus, rounds_check, database_check]


def goes_on(count: Callable[[], int]) -> Callable[[], None]:
    """A probe that succeeds if the count has grown since it was last called."""
    last = 0

    def probe() -> None:
        nonlocal last
        before, last = last, count()
        if last == before:
            raise LookupError(f"none since round {before}")

    return probe


def send_heartbeats(pipe: int, node_checks: list[Check]) -> None:
    """Write a heartbeat to the guard every second, and once that the node works. End the node if a check expires.

    Seconds are counted instead of read from a clock, so a pause of the whole host expires no check.
    """
    write = patcher.original("os").write  # eventlet's version would wait for a guard that does not read
    reported = False
    while True:
        works = not reported and all(check.worked for check in node_checks)
        try:
            write(pipe, WORKS if works else ALIVE)
            reported = reported or works
        except BlockingIOError:
            pass
        except BrokenPipeError:
            end_node("the guard, which monitors this process, has ended")
        for check in node_checks:
            check.silence += 1
            if check.expired:
                with contextlib.suppress(BlockingIOError):
                    write(pipe, UNABLE)
                end_node(f"without {check.what} for {check.silence} s: {check.problem}")
        eventlet.sleep(1)


def end_node(reason: str) -> None:
    LOG.critical("this node cannot work and ends itself: %s", reason)
    # Without an orderly stop, which would wait for the bus or database that is lost.
    os._exit(EXIT_CODE)
