"""Shared parts of the measurements with many rows."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.acceptance.support.deployment import Deployment
from tests.acceptance.support.traffic import Asked

LIMIT = 600.0  # seconds for one push to reach every engine


def resident(deployment: Deployment) -> tuple[int, int]:
    """Memory in MiB of the largest engine and of the datasource node."""

    def largest(role: str) -> int:
        outputs = [
            deployment.on(host, "ps -u congress -o rss= -o args= | grep congress-server | sort -n | tail -1")
            for host in deployment.hosts(role)
        ]
        return max(int(line.split()[0]) for line in outputs if line) // 1024

    return largest("policy-engine"), largest("datasource-node")


def table_row(figures: Sequence[object], failed: Sequence[Asked]) -> str:
    """A line of a table; the first failed requests are printed too."""
    line = f"| {' | '.join(str(figure) for figure in figures)} |"
    print(line, file=sys.stderr, flush=True)
    for request in failed[:3]:
        print(f"data:   {request}", file=sys.stderr)
    return line


@contextmanager
def deployed() -> Iterator[Deployment]:
    with tempfile.TemporaryDirectory(prefix="congress-ha-data-") as folder:
        yield Deployment(Path(folder))
