"""What faults of the message bus cost nodes, with three real brokers: the figures of decision 60 (docs/decisions).

python -m tests.bench.bus_faults cluster|address FOLDER FAULT...    (root on Debian with rabbitmq-server)

Three servers and a caller use oslo.messaging as Congress's nodes do. FAULT: see FAULTS. One line of JSON for each
fault: `back`, the seconds until each server has answered a call that began after the fault; `gap`, the longest time
without an answer of a server; `failed`, the calls that were not answered within 10 s, of `calls`; `lost`, the casts
that a server did not hear, of `casts`; `deaf`, servers that do not answer afterwards.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tests.bench.bus_brokers import ADDRESSES, PASSWORD, PORT, VIRTUAL, Broker, brokers
from tests.congress_runtime.support.congress_python import ENVIRONMENT
from tests.support.programs import congress_python
from tests.support.waiting import wait_for

SERVERS = ("engine-1", "engine-2", "datasources")
PAUSE = 0.3
RANDOM = 20
AFTER = 12.0  # seconds after a fault in which calls may still end
CONFIGURATION = """
[DEFAULT]
transport_url = {url}
use_stderr = True
default_log_levels = amqp=WARNING,oslo.messaging=INFO
[oslo_messaging_rabbit]
ssl = True
ssl_ca_file = {ca}
heartbeat_timeout_threshold = 10
rabbit_retry_backoff = 0
kombu_missing_consumer_retry_timeout = 5
"""
QUORUM = """kombu_reconnect_delay = 0.2
rabbit_quorum_queue = True
rabbit_transient_quorum_queue = True
rabbit_transient_queues_ttl = 300
"""
# Seeded: a run can be repeated.
CHANCE = random.Random(int(os.environ.get("SEED", "61")))  # noqa: S311
Brokers = dict[str, Broker]


class Bench:
    def __init__(self, folder: Path, found: Brokers, namespace: str, *, cluster: bool) -> None:
        self.folder, self.brokers, self.namespace, self.cluster = folder, found, namespace, cluster
        hosts = list(ADDRESSES.values()) if cluster else [VIRTUAL]
        login = ",".join(f"congress:{PASSWORD}@{host}:{PORT}" for host in hosts)
        text = CONFIGURATION.format(url=f"rabbit://{login}", ca=folder / "ca.pem")
        self.configuration = folder / "congress.conf"
        self.configuration.write_text(text + (QUORUM if cluster else ""))

    @contextmanager
    def process(self, name: str, *words: str) -> Iterator[None]:
        script = Path(__file__).with_name("bus_faults_node.py")
        out, log = self.folder / f"{name}.out", self.folder / f"{name}.log"
        with out.open("ab") as output, log.open("ab") as errors:
            started = subprocess.Popen(
                [
                    "ip",
                    "netns",
                    "exec",
                    self.namespace,
                    congress_python(),
                    script,
                    self.configuration,
                    *words,
                ],
                env={**os.environ, **ENVIRONMENT},
                stdout=output,
                stderr=errors,
            )
        try:
            yield
        finally:
            started.kill()
            started.wait()

    def lines(self, name: str) -> list[dict[str, Any]]:
        text = (self.folder / f"{name}.out").read_text()
        return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]

    def calls(self, since: float) -> list[dict[str, Any]]:
        return [line for line in self.lines("caller") if line.get("to") and line["began"] >= since]

    def answered(self, since: float) -> dict[str, float]:
        """Server -> when it answered first a call that began after `since`."""
        good = [call for call in self.calls(since) if not call["error"]]
        found = {name: [call["ended"] for call in good if call["to"] == name] for name in SERVERS}
        return {name: min(ends) for name, ends in found.items() if ends}

    def all_answer(self, since: float, seconds: float) -> bool:
        try:
            wait_for("all answer", seconds, lambda: len(self.answered(since)) == len(SERVERS), pause=0.2)
        except AssertionError:
            return False
        return True

    def measure(self, name: str, fault: Callable[[Bench], object]) -> dict[str, Any]:
        time.sleep(3)
        began = time.monotonic()
        fault(self)
        ended = time.monotonic()
        good = self.all_answer(ended, 90)
        time.sleep(AFTER)
        calls = [call for call in self.calls(began - 2) if call["ended"] <= time.monotonic()]
        first = self.answered(began)
        failed = [call for call in calls if call["error"]]
        gaps = {}
        for server in SERVERS:
            ends = sorted(call["ended"] for call in calls if call["to"] == server and not call["error"])
            gaps[server] = max((b - a for a, b in itertools.pairwise(ends)), default=float("inf"))
        casts = {
            line["cast"]
            for line in self.lines("caller")
            if "cast" in line and began - 2 <= line["at"] <= time.monotonic() - 5
        }
        heard = {server: {line["heard"] for line in self.lines(server)} for server in SERVERS}
        now = time.monotonic()
        deaf = [] if self.all_answer(now, 30) else [s for s in SERVERS if s not in self.answered(now)]
        return {
            "fault": name,
            "lasted": round(ended - began, 1),
            "back": {server: round(at - began, 1) for server, at in first.items()},
            "gap": {server: round(gap, 1) for server, gap in gaps.items()},
            "failed": len(failed),
            "calls": len(calls),
            "lost": {server: len(casts - heard[server]) for server in SERVERS},
            "casts": len(casts),
            "deaf": deaf if good or deaf else "late",
        }

    def holder(self) -> Broker:
        """A broker that clients use: any of a cluster, the one with the address of independent ones."""
        if self.cluster:
            return CHANCE.choice(list(self.brokers.values()))
        return next(broker for broker in self.brokers.values() if broker.holds_address())

    def back(self, *some: Broker) -> None:
        for broker in some:
            if broker.process is None:
                broker.start()
        for broker in some:
            broker.wait()


def kill(bench: Bench) -> Broker:
    broker = bench.holder()
    broker.kill()
    return broker


def kill_and_back(bench: Bench) -> None:
    bench.back(kill(bench))


def off(bench: Bench) -> None:
    """A host is switched off, and on again a minute later."""
    broker = bench.holder()
    broker.link("down")
    broker.kill()
    time.sleep(40)
    broker.power_off()
    broker.link("up")
    bench.back(broker)


def cut(bench: Bench) -> None:
    """The link of a host is down for half a minute, while the host continues to run."""
    broker = bench.holder()
    broker.link("down")
    time.sleep(30)
    broker.link("up")


def pause(bench: Bench) -> None:
    broker = bench.holder()
    broker.signal(signal.SIGSTOP)
    time.sleep(20)
    broker.signal(signal.SIGCONT)


def rolling(bench: Bench) -> None:
    for broker in bench.brokers.values():
        if bench.cluster:
            print(broker.control("await_online_quorum_plus_one", program="rabbitmq-upgrade"), file=sys.stderr)
            print(broker.control("drain", program="rabbitmq-upgrade"), file=sys.stderr)
        broker.stop()
        bench.back(broker)
        print(broker.control("await_startup"), file=sys.stderr)


def all_off(bench: Bench) -> None:
    order = CHANCE.sample(list(bench.brokers.values()), 3)
    for broker in order:
        broker.kill()
    for broker in CHANCE.sample(order, 3):
        broker.start()
        time.sleep(5)
    bench.back(*order)


def all_stopped(bench: Bench) -> None:
    """An orderly stop one after another, and a start in another order."""
    order = CHANCE.sample(list(bench.brokers.values()), 3)
    for broker in order:
        broker.stop()
    bench.back(*CHANCE.sample(order, 3))


def random_faults(bench: Bench) -> None:
    """Kills and pauses, RANDOM of them; a majority runs when a broker is killed."""
    for number in range(RANDOM):
        serving = [broker for broker in bench.brokers.values() if broker.serves()]
        if CHANCE.random() < 0.5:
            bench.back(*bench.brokers.values())
            broker = bench.holder()
            print(number, "kill", broker.name, file=sys.stderr, flush=True)
            broker.kill()
            time.sleep(CHANCE.uniform(0, 3))
            broker.start()
        elif serving:
            broker = CHANCE.choice(serving)
            print(number, "pause", broker.name, file=sys.stderr, flush=True)
            broker.signal(signal.SIGSTOP)
            time.sleep(CHANCE.uniform(1, 15))
            broker.signal(signal.SIGCONT)
        time.sleep(CHANCE.uniform(0, 5))
    bench.back(*bench.brokers.values())


FAULTS: dict[str, Callable[[Bench], object]] = {
    "kill": kill_and_back, "off": off, "cut": cut, "pause": pause, "rolling": rolling,
    "all-off": all_off, "all-stopped": all_stopped, "random": random_faults,
}  # fmt: skip


def main(kind: str, place: str, *names: str) -> None:
    folder = Path(place)
    folder.mkdir(parents=True)
    with ExitStack() as stack:
        found, namespace = stack.enter_context(brokers(folder, cluster=kind == "cluster"))
        bench = Bench(folder, found, namespace, cluster=kind == "cluster")
        for name in SERVERS:
            stack.enter_context(bench.process(name, "serve", name))
        began = time.monotonic()
        stack.enter_context(bench.process("caller", "call", str(PAUSE), *SERVERS))
        assert bench.all_answer(began, 120), "no answers at first"
        for name in names:
            print(json.dumps(bench.measure(name, FAULTS[name])), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
