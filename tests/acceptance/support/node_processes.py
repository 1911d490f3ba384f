"""The processes of the datasource nodes on this machine, as a program that lists them ten times a second.

The servers share this machine's kernel, so every process of every server is in this machine's /proc, and no network
fault hides it. It is a program of its own, because the tests' other threads would let it wait.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.acceptance.support.guests import PROC, hostname, pids

PERIOD = 0.1
# A process of this age does not execute another program any more.
YOUNG = 3.0
CGROUP = Path("/sys/fs/cgroup/freezer")
# PF_EXITING, linux/sched.h
EXITING = 0x4


class Nodes:
    """`hosts`: names of the pair's servers."""

    def __init__(self, hosts: Iterable[str]) -> None:
        self.hosts = frozenset(hosts)
        self._first_seen: dict[tuple[int, str], tuple[float, str | None]] = {}

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
        # A command line is in the memory of its process, and takes longer to read.
        if not (PROC / f"{pid}/comm").read_text().startswith("congress"):
            return None
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


def main() -> None:
    """Print a line of JSON for each look: the time, and host and pid of each node."""
    # Otherwise it misses moments while the deployment keeps the processors busy: priorities (nice) count only within a
    # group of processes, and each server is one. The lab needs root anyway.
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    nodes = Nodes(sys.argv[1:])
    while True:
        print(json.dumps([time.time(), sorted(nodes.running())]), flush=True)
        time.sleep(PERIOD)


if __name__ == "__main__":
    main()
