"""Watches the command lines and environments of all processes for secrets, while steps run on the hosts.

The lab's servers are containers on this machine's kernel: every process of every server is in this machine's /proc.
"""

from __future__ import annotations

import contextlib
import threading
import time
from dataclasses import dataclass, field
from typing import Self

from tests.acceptance.support.guests import PROC, hostname, pids
from tests.acceptance.support.node_processes import stat
from tests.acceptance.support.searcher import Search

# A process of this age has been checked after it executed its program.
YOUNG = 3.0
PAUSE = 0.05


@dataclass
class Process:
    """`texts`: what the process showed at the last check."""

    host: str
    first: float
    texts: dict[str, bytes] = field(default_factory=dict)


class Watch:
    """Use as a context. `hits`: secrets found, by secret, form and location; `seen`: the number of processes.

    Environments are checked only on servers whose names begin with `prefix`, because those of the program and its tests
    on this machine contain secrets.
    """

    def __init__(self, search: Search, prefix: str) -> None:
        self.search, self.prefix = search, prefix
        self.hits: set[tuple[str, str, str]] = set()
        self.seen = 0
        self.longest_pause = 0.0
        self._processes: dict[tuple[int, str], Process] = {}
        self._over = threading.Event()
        self._trouble: BaseException | None = None

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._guarded)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(10)
        if self._trouble:
            raise AssertionError("processes were not watched to the end") from self._trouble

    def _guarded(self) -> None:
        try:
            self._watch()
        except Exception as error:  # noqa: BLE001  told at the end
            self._trouble = error

    def _watch(self) -> None:
        before = time.monotonic()
        while not self._over.wait(PAUSE):
            self._look()
            now = time.monotonic()
            self.longest_pause, before = max(self.longest_pause, now - before), now

    def _look(self) -> None:
        alive = set()
        for pid in pids():
            # The process may end at any moment.
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                key = (pid, stat(pid)[1])
                alive.add(key)
                if key not in self._processes:
                    self._processes[key] = Process(hostname(pid), time.monotonic())
                    self.seen += 1
                if time.monotonic() - self._processes[key].first < YOUNG:
                    self._read(pid, self._processes[key])
        for key in self._processes.keys() - alive:
            del self._processes[key]

    def _read(self, pid: int, process: Process) -> None:
        shown = ("cmdline", "environ") if process.host.startswith(self.prefix) else ("cmdline",)
        for name in shown:
            text = (PROC / f"{pid}/{name}").read_bytes()
            if text != process.texts.get(name):
                process.texts[name] = text
                for secret, form in self.search.within(text):
                    self.hits.add((secret, form, f"{name} of a process on {process.host}"))
