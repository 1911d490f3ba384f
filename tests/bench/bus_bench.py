"""The cost of a table that crosses a real bus, as the table in docs/figures.md: upstream / ours.

python -m tests.bench.bus_bench [ROWS...]       (100 100000; root on Debian with rabbitmq-server, three minutes)

A datasource node and four engines, each a process, and RabbitMQ with TLS, all on loopback. A table is pushed through
the first engine. `longest`: the longest processor time for which the process's event loop was blocked; standard error
shows where. Upstream: without patches.large_json and patches.row_requests.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tests.acceptance.support.push import events
from tests.congress_runtime.support.congress_python import ENVIRONMENT
from tests.congress_runtime.support.tls_bus import Bus
from tests.support.ports import free_port
from tests.support.programs import congress_python, running
from tests.support.waiting import wait_for

SIZES = ("100", "100000")
ENGINES = [f"engine-{number}" for number in range(1, 5)]
DATASOURCES = "datasources"
LIMIT = 120.0  # seconds
ROWS = "/v1/data-sources/pushed/tables/events/rows"
RULE = {"rule": 'seen(id) :- pushed:events(monitor_event_id=id, monitor="bench")'}


class Nodes:
    def __init__(self, folder: Path, bus: Bus) -> None:
        self.folder, self.bus = folder, bus
        self.ports = {name: free_port() for name in (DATASOURCES, *ENGINES)}

    @contextmanager
    def started(self, name: str, *without: str) -> Iterator[None]:
        script = Path(__file__).with_name("bus_node.py")
        words = [self.folder, self.bus.configuration(), name, str(self.ports[name]), *without]
        with running([congress_python(), script, *words], self.folder / f"{name}.log", **ENVIRONMENT):
            wait_for(f"{name} serves", 60, lambda: self.ask(name, "/turns"))
            yield

    def ask(self, name: str, path: str, method: str = "GET", body: Any = None) -> Any:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.ports[name]}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=LIMIT) as answer:  # noqa: S310
            return json.loads(answer.read() or b"null")

    def figures(self) -> dict[str, dict[str, Any]]:
        return {name: self.ask(name, "/turns") for name in self.ports}

    def push(self, count: int, changed: int) -> dict[str, float]:
        """Push a table; return its cost until every engine has it."""
        self.figures()
        rows, began = events(count, changed), time.monotonic()
        self.ask(ENGINES[0], ROWS, "PUT", rows)
        answered = time.monotonic() - began

        def all_have_rows() -> bool:
            figures = {engine: self.ask(engine, f"/rows/{changed}") for engine in ENGINES}
            assert set(figures.values()) == {count}, figures
            return True

        wait_for("every engine has the rows", LIMIT, all_have_rows, pause=0.05)
        return {"answered, s": answered, "at every engine, s": time.monotonic() - began, **self.costs()}

    def read(self) -> dict[str, float]:
        self.figures()
        began = time.monotonic()
        self.ask(ENGINES[0], ROWS)
        return {"answered, s": time.monotonic() - began, **self.costs()}

    def subscribe(self) -> dict[str, float]:
        """All engines request the whole table at the same time."""
        self.figures()
        began = time.monotonic()
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda engine: self.ask(engine, "/subscribe"), ENGINES))
        return {"at every engine, s": time.monotonic() - began, **self.costs()}

    def costs(self) -> dict[str, float]:
        figures = self.figures()
        for name, one in figures.items():
            print(f"{name}: {one['longest']:.3f} s {one['where']}", file=sys.stderr)
        others = [figures[engine] for engine in ENGINES[1:]]
        return {
            "longest, first engine, s": figures[ENGINES[0]]["longest"],
            "longest, other engines, s": max(one["longest"] for one in others),
            "longest, datasource node, s": figures[DATASOURCES]["longest"],
            "processor of all, s": sum(one["processor"] for one in figures.values()),
            "first engine, at most, MB": figures[ENGINES[0]]["MB"],
            "other engines, at most, MB": max(one["MB"] for one in others),
            "datasource node, at most, MB": figures[DATASOURCES]["MB"],
            "RabbitMQ afterwards, MB": int(self.bus.control("eval", "erlang:memory(total).")) / 1e6,
        }


def measured(folder: Path, sizes: list[int], *without: str) -> dict[tuple[str, str, int], float]:
    """(operation, measured quantity, rows) -> value."""
    folder.mkdir()
    bus = Bus(folder)
    values: dict[tuple[str, str, int], float] = {}
    with ExitStack() as started:
        started.enter_context(bus.served())
        nodes = Nodes(folder, bus)
        for name in nodes.ports:
            started.enter_context(nodes.started(name, *without))
        nodes.ask(ENGINES[0], "/v1/policies", "POST", {"name": "bench"})
        wait_for(
            "the rule is taken", 60, lambda: nodes.ask(ENGINES[0], "/v1/policies/bench/rules", "POST", RULE)
        )
        nodes.push(1, 0)
        for count in sizes:
            tasks = {
                "whole table": nodes.push(count, count + 1),
                "one row changed": nodes.push(count, count + 2),
                "rows read": nodes.read(),
                "four engines ask": nodes.subscribe(),
            }
            values |= {
                (what, how, count): much for what, figures in tasks.items() for how, much in figures.items()
            }
    return values


def main(sizes: list[int]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        print("upstream's way", file=sys.stderr)
        alone = measured(
            Path(folder) / "alone",
            sizes,
            "large_json",
            "row_requests",
        )
        print("ours", file=sys.stderr)
        ours = measured(Path(folder) / "ours", sizes)
    print("| rows |" + "".join(f" {size} |" for size in sizes))
    print("|---|" + "---|" * len(sizes))
    for what, how in dict.fromkeys((what, how) for what, how, _ in ours):
        cells = (f"{alone[what, how, size]:.3g} / {ours[what, how, size]:.3g}" for size in sizes)
        print(f"| {what}: {how} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main([int(size) for size in sys.argv[1:] or SIZES])
