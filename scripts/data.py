"""The deployed stack dev with tables of many rows, measured. The stack ends as it was.

Prints a table in Markdown, for each number of rows: what clients at the endpoint met while the table came and one of
its rows changed again and again, seconds until every engine had it, memory of the nodes. Stops where an engine does not get
the rows.
"""

from __future__ import annotations

import itertools
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer

from tests.acceptance.deployment import Deployment
from tests.acceptance.push import Pushed, events, pushed, taken_down
from tests.acceptance.traffic import Traffic, traffic

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

DURATION = 60.0  # seconds for which rows change, at the least
PAUSE = 1.0  # seconds between a change that every engine has and the next one
LIMIT = 600.0  # seconds for one push to reach every engine
HEADER = (
    "| rows | requests | failed | engines taken for dead | GET /v1/policies, s: median | p99 | whole table at every "
    "engine, s | one row | engine, MiB | datasource node, MiB |\n|---|---|---|---|---|---|---|---|---|---|"
)


def resident(deployment: Deployment) -> tuple[int, int]:
    """MiB of the largest engine and of the datasource node."""

    def largest(role: str) -> int:
        told = [
            deployment.on(host, "ps -u congress -o rss= -o args= | grep congress-server | sort -n | tail -1")
            for host in deployment.hosts(role)
        ]
        return max(int(line.split()[0]) for line in told if line) // 1024

    return largest("policy-engine"), largest("datasource-node")


def measured(deployment: Deployment, clients: Traffic, table: Pushed, count: int) -> str:
    """Push a table of `count` rows, change a row of it some times: a line of the table."""
    print(f"data: {count} rows: ", end="", file=sys.stderr, flush=True)
    down, began = sum(taken_down(deployment).values()), time.time()
    seconds: list[float] = []
    for changed in itertools.count():
        rows = events(count, changed)
        started = time.monotonic()
        table.push(rows)
        table.reached(rows, LIMIT)
        seconds.append(time.monotonic() - started)
        if changed and time.time() - began > DURATION:
            break
        time.sleep(PAUSE)
    clients.answered()
    asked, failed = clients.since(began), clients.failed(began)
    lists = sorted(one.seconds for one in asked if one.request == "GET /v1/policies")
    down = sum(taken_down(deployment).values()) - down
    figures = [
        *(f"{count}", f"{len(asked)}", f"{len(failed)}", f"{down}"),
        f"{statistics.median(lists):.3f}",
        f"{lists[int(len(lists) * 0.99)]:.3f}",
        f"{seconds[0]:.1f}",
        f"{statistics.median(seconds[1:]):.1f}",
        *(f"{figure}" for figure in resident(deployment)),
    ]
    line = f"| {' | '.join(figures)} |"
    print(line, file=sys.stderr, flush=True)
    for request in failed[:3]:
        print(f"data:   {request}", file=sys.stderr)
    return line


@app.command()
def measure(
    rows: Annotated[str, typer.Option(help="Sizes of the table.")] = "100 1000 10000 100000",
) -> None:
    """Measure each size once, the smallest first."""
    with tempfile.TemporaryDirectory(prefix="congress-ha-data-") as folder:
        deployment = Deployment(Path(folder))
        with traffic(deployment) as clients, pushed(deployment) as table:
            lines = [measured(deployment, clients, table, int(count)) for count in rows.split()]
    print(HEADER)
    print("\n".join(lines))


if __name__ == "__main__":
    app()
