"""An engine with one event loop, as a process of its own, and what HAProxy knows about it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from tests.balance.support.haproxy import BUSY, Balanced, Engine
from tests.support.programs import running
from tests.support.waiting import wait_for

AT_WORK = 8  # seconds; a health check that the engine's loop answers would time out twice meanwhile


class Looping(Engine):
    """Runs looping.py as a process."""

    process: subprocess.Popen[bytes]

    def __init__(self, number: int, run: Path) -> None:
        super().__init__(number, run)
        self.unwell, self.log = run / f"{self.node_id}.unwell", run / f"{self.node_id}.log"

    @contextmanager
    def started(self, seconds: float = 0) -> Iterator[None]:
        words = [self.node_id, str(self.port), str(self.unwell), str(seconds)]
        script = Path(__file__).with_name("looping.py")
        with running([sys.executable, script, *words], self.log) as self.process:
            wait_for("it takes connections", 30, self.takes_connections, pause=0.05)
            try:
                yield
            finally:
                self.process.kill()

    def takes_connections(self) -> bool:
        if self.process.poll() is not None:
            raise RuntimeError(self.log.read_text())
        return self.listening() is not None

    def listening(self) -> int | None:
        """Number of connections in the backlog; None if the engine does not listen."""
        listed = subprocess.check_output(["ss", "-Hltn", f"sport = :{self.port}"], text=True)
        return int(listed.split()[1]) if listed else None

    def asked(self, path: str) -> int:
        """Number of requests for a path."""
        return self.log.read_text().splitlines().count(path)


def at_work(behind: Balanced[Looping], pool: ThreadPoolExecutor) -> tuple[Looping, Looping, Future[str]]:
    """A busy engine, which works on a request; the other engine; the future answer to that request."""
    engine = behind.engine(behind.get())
    (other,) = (candidate for candidate in behind.engines if candidate is not engine)
    request = pool.submit(behind.get, f"/busy/{AT_WORK}")
    behind.until(engine.node_id, BUSY)
    return engine, other, request


def never_down(behind: Balanced[Looping], *engines: Looping) -> bool:
    """Whether HAProxy has never marked these engines down."""
    names, *rows = (line.split(",") for line in behind.runtime("show stat").splitlines() if line)
    statistics = [dict(zip(names, row, strict=True)) for row in rows]
    (changes,) = (
        {row["svname"]: row["chkdown"] for row in statistics if row["# pxname"] == "policy_engines"},
    )
    return all(changes[engine.node_id] == "0" for engine in engines)
