"""Counts the running datasource nodes ten times a second, on both hosts and on the message bus.

The servers share this machine's kernel, so every process of every server is in this machine's /proc, and no network
fault hides it.
"""

from __future__ import annotations

import contextlib
import signal
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Self

from tests.acceptance.support.guests import PROC, hostname, pids

PERIOD = 0.1
# A process of this age does not execute another program any more.
YOUNG = 3.0
CGROUP = Path("/sys/fs/cgroup/freezer")
# PF_EXITING, linux/sched.h
EXITING = 0x4

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
        self._record = Record()
        self._over = threading.Event()
        self._first_seen: dict[tuple[int, str], tuple[float, str | None]] = {}
        self._trouble: BaseException | None = None

    def __enter__(self) -> Self:
        self._watcher = subprocess.Popen(
            self.bus, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert self._watcher.stdin is not None
        self._watcher.stdin.write(CONSUMERS)
        self._watcher.stdin.close()
        self._threads = [
            threading.Thread(target=self._guarded, args=(loop,)) for loop in (self._look, self._read)
        ]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._watcher.kill()
        for thread in self._threads:
            thread.join(10)
        self._watcher.wait(10)
        assert self._watcher.stdout is not None
        self._watcher.stdout.close()

    def since(self, moment: float) -> Record:
        """Fails if the observer itself could not observe all the time."""
        if self._trouble:
            raise AssertionError("the observer failed") from self._trouble
        return Record(
            [sample for sample in list(self._record.samples) if sample.time >= moment],
            [count for count in list(self._record.consumers) if count[0] >= moment],
        )

    def _guarded(self, loop: object) -> None:
        try:
            loop()  # type: ignore[operator]
        except Exception as error:  # noqa: BLE001  told by `since`
            self._trouble = error

    def _look(self) -> None:
        while not self._over.wait(PERIOD):
            self._record.samples.append(Sample(time.time(), tuple(sorted(self.running()))))

    def _read(self) -> None:
        assert self._watcher.stdout is not None
        for line in self._watcher.stdout:
            moment, count = line.split()
            self._record.consumers.append((float(moment), int(count)))

    def running(self) -> Iterator[tuple[str, int]]:
        """Datasource nodes of the pair that can run: neither frozen with their server nor already dead."""
        seen = set()
        for pid in pids():
            with contextlib.suppress(OSError, ValueError):
                state, started = stat(pid)
                key = (pid, started)
                seen.add(key)
                first, host = self._first_seen.get(key, (time.monotonic(), None))
                if time.monotonic() - first < YOUNG:
                    host = self._node_of(pid)
                    self._first_seen[key] = (first, host)
                if host is not None and state != "Z" and not frozen(pid) and not killed(pid):
                    yield host, pid
        for key in self._first_seen.keys() - seen:
            del self._first_seen[key]

    def _node_of(self, pid: int) -> str | None:
        """The host of the pair, if the process is a datasource node there."""
        words = (PROC / f"{pid}/cmdline").read_bytes().split(b"\0")
        if b"--datasources" not in words:
            return None
        host = hostname(pid)
        return host if host in self.hosts else None


def stat(pid: int) -> tuple[str, str]:
    """The state and the start time."""
    fields = (PROC / f"{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return fields[0], fields[19]


def killed(pid: int) -> bool:
    """SIGKILL is pending, or the process is exiting: it does not run its own code any more.

    libvirt kills a paused container before it thaws it (virLXCProcessStop); on a busy machine this takes a while.
    """
    status = dict(
        line.split(":", 1) for line in (PROC / f"{pid}/status").read_text().splitlines() if ":" in line
    )
    pending = int(status["SigPnd"], 16) | int(status["ShdPnd"], 16)
    flags = int((PROC / f"{pid}/stat").read_text().rsplit(")", 1)[1].split()[6])
    return bool(pending & 1 << (signal.SIGKILL - 1) or flags & EXITING)


def frozen(pid: int) -> bool:
    """The cloud paused the process with its whole server, so it cannot do anything."""
    for line in (PROC / f"{pid}/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "freezer":
            return (CGROUP / path.strip("/") / "freezer.state").read_text().strip() == "FROZEN"
    return False
