"""End a Congress node that can no longer work, so that "the process lives" tells the truth.

Upstream's OCF agent asks only whether the pid lives, and a Congress node that lost its message bus or
database lives on, waiting. Here green threads in the node's own service loop ask for what it needs; when one
of them has had no success for the deadline, the process says why and exits. That the loop itself turns is
what the guard watches, from outside, by the beat that is sent from here.

Both roles end without the bus: a policy engine without it does not even refuse, its requests hang. Only the
datasource node ends without the database: another host may reach it, whereas an engine answers an honest
error at once and recovers 0.2 s after the database is back, sooner than by a restart.

A bus that is short of memory or disk takes no publication from anybody. The node waits then, however long: a new one
could say nothing either, and has lost its rows.

A datasource node that has not worked yet is patient: it started because the other host did not work either, or
because that one is gone. Its patience is longer than Pacemaker's failure-timeout, so that when it gives up, the other
host may be tried again; so no outage of bus or database, however long, leaves the node stopped.
"""

import contextlib
import dataclasses
import itertools
import math
import os
from collections.abc import Callable

import eventlet
import sqlalchemy
from congress_runtime.bus import DATASOURCE_MANAGER, POLICY_ENGINE, connection, held_back, ping, rpc_transport
from eventlet import patcher
from oslo_config import cfg
from oslo_log import log
from sqlalchemy.pool import NullPool

LOG = log.getLogger(__name__)

PAUSE = 3  # seconds between two looks; also what a look may add to the deadline
SHORT_PAUSE = 0.5  # while it has not worked yet
TIMEOUT = 5.0
LOOKS = 10  # at a bus that takes no publication, on one connection
START = 60  # a node that is starting answers late; drivers are being loaded, datasources read
FAILURE_TIMEOUT = 120  # of templates/datasource_node/ds_node.crm.j2
EXIT_CODE = 69  # EX_UNAVAILABLE of sysexits.h
ALIVE, WORKS, UNABLE = b".", b"+", b"!"  # what the guard understands


@dataclasses.dataclass
class Check:
    """One thing the node needs. `silence` is the seconds since the last success, counted by `beat`.

    `first` is the patience until the first success, `patience` the one after it.
    """

    what: str
    probe: Callable[[], object]
    patience: float
    first: float
    once: bool = False
    worked: bool = False
    silence: int = 0
    problem: str = "no answer"

    @property
    def over(self) -> bool:
        return self.silence > (self.patience if self.worked else self.first)

    def run(self) -> None:
        while True:
            try:
                self.probe()
            except (Exception, eventlet.Timeout) as error:  # noqa: BLE001 - whatever it is, this is not working
                self.problem = f"{type(error).__name__}: {error}".splitlines()[0]
            else:
                self.silence, self.worked = 0, True
                if self.once:
                    self.patience = math.inf
                    return
            eventlet.sleep(PAUSE if self.worked else SHORT_PAUSE)


def start(conf: cfg.ConfigOpts, beats: int) -> None:
    """Watch this node from green threads; `beats` is the pipe to the guard.

    Returns when the node may be started: Congress ends at once if it finds no database.
    """
    everything = checks(conf)
    for check in everything:
        eventlet.spawn(check.run)
    eventlet.spawn(beat, beats, everything)
    if conf.datasources:
        database = everything[-1]
        while not database.worked:
            eventlet.sleep(0.05)


def checks(conf: cfg.ConfigOpts) -> list[Check]:
    deadline = conf.watchdog.deadline
    patient = FAILURE_TIMEOUT + deadline
    service = DATASOURCE_MANAGER if conf.datasources else POLICY_ENGINE
    transport = rpc_transport(conf)
    database = sqlalchemy.create_engine(conf.database.connection, poolclass=NullPool)

    def answers() -> None:
        ping(conf, transport, service, TIMEOUT, server=conf.node_id)

    def reaches_bus() -> None:
        # While the node answers over the bus, a connection just for asking would only fill the bus's log.
        if not answer.worked or answer.silence > PAUSE + TIMEOUT:
            with connection(conf, TIMEOUT) as link:
                # Not for ever on one connection: it would not notice that the host of the bus is gone.
                for reason in itertools.islice(held_back(link, PAUSE), LOOKS):
                    LOG.warning("the message bus takes nothing from anybody, this node waits: %s", reason)
                    answer.silence = bus.silence = 0

    def reaches_database() -> None:
        with eventlet.Timeout(TIMEOUT), database.connect() as link:
            link.execute(sqlalchemy.text("SELECT 1"))

    first = patient if conf.datasources else deadline
    answer = Check(
        "its own answer over the message bus",
        answers,
        patience=deadline,
        first=patient if conf.datasources else START,
    )
    bus = Check("the message bus", reaches_bus, patience=deadline, first=first)
    return [
        answer,
        bus,
        Check("the database", reaches_database, patience=deadline, first=first, once=not conf.datasources),
    ]


def beat(beats: int, everything: list[Check]) -> None:
    """Tell the guard each second that the loop turns, once that the node works, and end the node if a check was silent
    too long.

    Seconds are counted, not read from a clock, so that a host that was paused has lost none.
    """
    write = patcher.original("os").write  # the green one would wait for a guard that does not read
    told = False
    while True:
        works = not told and all(check.worked for check in everything)
        try:
            write(beats, WORKS if works else ALIVE)
            told = told or works
        except BlockingIOError:
            pass
        except BrokenPipeError:
            end("congress_guard, which watches over this process, is gone")
        for check in everything:
            check.silence += 1
            if check.over:
                with contextlib.suppress(BlockingIOError):
                    write(beats, UNABLE)
                end(f"without {check.what} for {check.silence} s: {check.problem}")
        eventlet.sleep(1)


def end(reason: str) -> None:
    LOG.critical("this node cannot work and ends itself: %s", reason)
    # Nothing orderly is left to do: an orderly stop would wait for what is lost.
    os._exit(EXIT_CODE)
