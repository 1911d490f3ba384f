"""Sees every datasource node of the deployment all the time, whatever happens to the hosts and their network.

The lab's guests share this machine's kernel, so their processes are in this machine's /proc: a host that is cut
off, hung or being destroyed is still observed. Sampled several times a second; a second voice, the consumers of
the node's queue, is asked for by the audits.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

PERIOD = 0.1  # seconds between samples


@dataclass(frozen=True)
class Sample:
    """`running`: host name of every datasource node process at `time` (seconds since the epoch)."""

    time: float
    running: tuple[str, ...]


def datasource_nodes() -> tuple[str, ...]:
    """Host name of every datasource node process on this machine, one entry a process."""
    found: list[str] = []
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        try:
            command = (process / "cmdline").read_bytes().split(b"\0")
            if b"--datasources" not in command or not command[0].endswith(b"python"):
                continue
            found.append((process / "root/etc/hostname").read_text().strip())
        except OSError:
            continue  # ended while it was looked at
    return tuple(sorted(found))


@dataclass
class Observer:
    """Samples in a thread of its own between __enter__ and __exit__."""

    samples: list[Sample] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._observe, name="observer", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _observe(self) -> None:
        while not self._stop.wait(PERIOD):
            self.samples.append(Sample(time.time(), datasource_nodes()))


def never_two(samples: Sequence[Sample]) -> None:
    """Fail if two datasource nodes were there at any moment."""
    twice = [sample for sample in samples if len(sample.running) > 1]
    assert not twice, f"{len(twice)} of {len(samples)} samples show two datasource nodes, first: {twice[0]}"


def absences(samples: Sequence[Sample]) -> list[float]:
    """Seconds of each uninterrupted time without a datasource node."""
    gaps: list[float] = []
    since: float | None = None
    for sample in samples:
        if not sample.running and since is None:
            since = sample.time
        elif sample.running and since is not None:
            gaps.append(sample.time - since)
            since = None
    if since is not None:
        gaps.append(samples[-1].time - since)
    return gaps


def slowest_sample(samples: Sequence[Sample]) -> float:
    """The longest time between two samples, in seconds."""
    return max((later.time - earlier.time for earlier, later in itertools.pairwise(samples)), default=0.0)
