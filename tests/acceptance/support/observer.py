"""Counts the running datasource nodes several times a second, on both hosts and on the message bus."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Self

from tests.acceptance.support import node_processes
from tests.acceptance.support.deployment import ROOT
from tests.acceptance.support.node_processes import Nodes

# Runs on a Congress host: prints the number of consumers of the datasource manager's queue, several times a second.
# If one host of the bus does not answer, it asks the next one.
CONSUMERS = """
import configparser, itertools, ssl, sys, time
from urllib.parse import unquote, urlsplit
import amqp
config = configparser.ConfigParser(strict=False, interpolation=None)
config.read("/etc/congress/congress.conf")
hosts, _, virtual_host = config["DEFAULT"]["transport_url"].removeprefix("rabbit://").partition("/")
authority = config["oslo_messaging_rabbit"]["ssl_ca_file"]
for host in itertools.cycle(hosts.split(",")):
    url = urlsplit("//" + host)
    tls = {"ca_certs": authority, "cert_reqs": ssl.CERT_REQUIRED, "server_hostname": url.hostname}
    try:
        with amqp.Connection(host=f"{url.hostname}:{url.port}", userid=url.username, password=unquote(url.password),
                             virtual_host=unquote(virtual_host) or "/", ssl=tls,
                             connect_timeout=2, read_timeout=2, write_timeout=2) as link:
            while True:
                with link.channel() as channel:
                    try:
                        count = channel.queue_declare("congress-service-_ds_manager-bus", passive=True).consumer_count
                    except amqp.NotFound:
                        count = 0
                print(time.time(), count, flush=True)
                time.sleep(0.2)
    except (OSError, amqp.AMQPError):
        print(time.time(), -1, flush=True)
        time.sleep(0.2)
"""


@dataclass(frozen=True)
class Sample:
    """The running datasource nodes at a moment, as (host, pid)."""

    time: float
    nodes: tuple[tuple[str, int], ...]


@dataclass
class Record:
    """Observations in a span of time. `consumers`: (time, count), -1 if the bus does not answer."""

    samples: list[Sample] = field(default_factory=list)
    consumers: list[tuple[float, int]] = field(default_factory=list)

    @property
    def most(self) -> int:
        return max(len(sample.nodes) for sample in self.samples)

    @property
    def absences(self) -> list[float]:
        """The length in seconds of each span without a running node."""
        spans: list[float] = []
        since: float | None = None
        for sample in self.samples:
            if sample.nodes:
                if since is not None:
                    spans.append(sample.time - since)
                since = None
            elif since is None:
                since = sample.time
        return [*spans, *([self.samples[-1].time - since] if since is not None else [])]

    @property
    def longest_pause(self) -> float:
        """The longest span between two samples, of which nothing is known."""
        times = [sample.time for sample in self.samples]
        return max(later - earlier for earlier, later in pairwise(times))

    def story(self) -> str:
        """Every change, for an error message."""
        lines, before = [], None
        for sample in self.samples:
            if sample.nodes != before:
                lines.append(f"{sample.time - self.samples[0].time:6.1f} s: {sample.nodes or 'none'}")
                before = sample.nodes
        return "\n".join(lines)


class Observer:
    """`hosts`: names of the pair's servers. Use as a context; `since(time)` returns the observations from then on."""

    def __init__(self, hosts: Iterable[str], bus: list[str]) -> None:
        self.hosts, self.bus = frozenset(hosts), bus
        self._nodes = Nodes(self.hosts)
        self._record = Record()
        self._trouble: BaseException | None = None

    def __enter__(self) -> Self:
        look = [sys.executable, "-m", node_processes.__name__, *sorted(self.hosts)]
        self._programs = (
            subprocess.Popen(look, stdout=subprocess.PIPE, cwd=ROOT, text=True),
            subprocess.Popen(
                self.bus, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
            ),
        )
        bus = self._programs[1]
        assert bus.stdin is not None
        bus.stdin.write(CONSUMERS)
        bus.stdin.close()
        self._threads = [
            threading.Thread(target=self._guarded, args=(program, read))
            for program, read in zip(self._programs, (self._look, self._count), strict=True)
        ]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for program in self._programs:
            program.kill()
        for thread in self._threads:
            thread.join(10)
        for program in self._programs:
            program.wait(10)
            assert program.stdout is not None
            program.stdout.close()

    def running(self) -> Iterator[tuple[str, int]]:
        """Host and pid of each datasource node of the pair, now."""
        return self._nodes.running()

    def since(self, moment: float) -> Record:
        """Fails if the observer itself could not observe all the time."""
        if self._trouble:
            raise AssertionError("the observer failed") from self._trouble
        ended = self._programs[0].poll()
        assert ended is None, f"the observer of the processes ended with {ended}"
        return Record(
            [sample for sample in list(self._record.samples) if sample.time >= moment],
            [count for count in list(self._record.consumers) if count[0] >= moment],
        )

    def _guarded(self, program: subprocess.Popen[str], read: Callable[[str], None]) -> None:
        try:
            assert program.stdout is not None
            for line in program.stdout:
                read(line)
        except Exception as error:  # noqa: BLE001  told by `since`
            self._trouble = error

    def _look(self, line: str) -> None:
        moment, nodes = json.loads(line)
        self._record.samples.append(Sample(moment, tuple((host, pid) for host, pid in nodes)))

    def _count(self, line: str) -> None:
        moment, count = line.split()
        self._record.consumers.append((float(moment), int(count)))
