"""RabbitMQ's alarms about memory and disk space. While an alarm lasts, RabbitMQ reads nothing from publishers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from tests.acceptance.support.alarms import Alarms
from tests.acceptance.support.pair import Expected, Pair
from tests.support.waiting import wait_for

LASTS = 300.0  # seconds
STARTS = 30.0  # RabbitMQ looks at its memory and at its disk every few seconds
UNDER_WAY = 15.0  # what was published, or asked for, before the alarm arrives until then
AGAIN = 120.0  # a publication that waited is tried again by its sender, and by what waits for it


@dataclass(frozen=True)
class Limit:
    """A limit of RabbitMQ: the Erlang code that reads it, the code that sets it, and a value that no host meets."""

    read: str
    set: str
    too_much: str


LIMITS: Mapping[str, Limit] = {
    "memory": Limit(
        "vm_memory_monitor:get_vm_memory_high_watermark().",
        "vm_memory_monitor:set_vm_memory_high_watermark({}).",
        "{absolute, 1000000}",
    ),
    "disk": Limit(
        "rabbit_disk_monitor:get_disk_free_limit().",
        "rabbit_disk_monitor:set_disk_free_limit({}).",
        "1000000000000000",
    ),
}


@dataclass(frozen=True)
class Waited:
    """`blocked`: connections that published meanwhile; seconds from the alarm's end until rows were fresh, exact."""

    blocked: int
    fresh: float
    exact: float


Rabbitmqctl = Callable[..., str]


@contextmanager
def alarm(rabbitmqctl: Rabbitmqctl, what: str) -> Iterator[None]:
    """Keep the alarm on inside the context. At the end, the limit is restored and the alarm is over."""
    limit = LIMITS[what]
    before = rabbitmqctl("eval", limit.read)
    try:
        rabbitmqctl("eval", limit.set.format(limit.too_much))
        wait_for(f"RabbitMQ's alarm of {what}", STARTS, lambda: what in alarms(rabbitmqctl))
        yield
    finally:
        rabbitmqctl("eval", limit.set.format(before.strip()))
        wait_for(f"the end of RabbitMQ's alarm of {what}", STARTS, lambda: what not in alarms(rabbitmqctl))


def alarms(rabbitmqctl: Rabbitmqctl) -> str:
    return rabbitmqctl("eval", "rabbit_alarm:get_alarms().")


def blocked(rabbitmqctl: Rabbitmqctl) -> int:
    """Connections that publish, and from which RabbitMQ does not read."""
    return rabbitmqctl("list_connections", "state").split().count("blocked")


def waited_out(pair: Pair, tables: Alarms, what: str, seconds: float = LASTS) -> Waited:
    """Change rows during such an alarm. Fails unless the changes wait, no node restarts, and the rows end right."""

    def rabbitmqctl(*words: str) -> str:
        quoted = " ".join(f"'{word}'" for word in words)
        return pair.deployment.on("messaging", f"rabbitmqctl -q {quoted}")

    pair.whole()
    pair.probe.fresh(time.time(), limit=15)
    before, moment = nodes(pair), time.time()
    with ThreadPoolExecutor(2) as pool:
        with alarm(rabbitmqctl, what):
            began = time.time()
            pool.submit(tables.change, f"during the alarm of {what}")
            pool.submit(tables.push, tables.last)
            wait_for(
                "status names the alarm", 60, lambda: any("alarms" in trouble for trouble in pair.troubles())
            )
            time.sleep(max(began + seconds - time.time(), 0))
            stopped = blocked(rabbitmqctl)
            assert stopped, f"nobody waits for RabbitMQ: {rabbitmqctl('list_connections', 'name', 'state')}"
            assert newest(pair) < began + UNDER_WAY, "rows were published during the alarm"
            assert nodes(pair) == before, f"nodes were restarted: {before}, {nodes(pair)}"
        over = time.time()
        fresh = pair.probe.fresh(over, AGAIN)
    tables.exact(AGAIN)
    exact = time.time() - over
    pair.audit(moment, Expected(AGAIN, absences=0))
    tables.exact(AGAIN)  # what was under way came later
    assert nodes(pair) == before, f"nodes were restarted: {before}, {nodes(pair)}"
    return Waited(stopped, fresh, exact)


def nodes(pair: Pair) -> tuple[set[tuple[str, int]], dict[str, str]]:
    """Processes of the datasource node and of the engines."""
    return set(pair.observer.running()), pair.deployment.engine_pids()


def newest(pair: Pair) -> float:
    """The time at which the newest row that any engine knows was written."""
    written = pair.probe.written
    return max(written.get(count, 0.0) for seen in pair.probe.seen.values() for count in list(seen))
