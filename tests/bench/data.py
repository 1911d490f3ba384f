"""Measures the deployed stack dev with many rows and with clients at its endpoint. The stack ends as it was.

ROWS: sizes of pushed tables; measures the clients' requests while a table arrives and one of its rows changes again and
again, the seconds until every engine has the rows, and the memory of the nodes. DURATION: for so many seconds, one row
of the first of TABLES changes each second and the last one is replaced each minute, with each number of TABLES and of
ENGINES; FAULTS: then also during faults.
SERVERS: size of a simulated cloud that the real drivers poll. Each prints a table in Markdown, and stops if an engine
does not get the rows.
"""

from __future__ import annotations

import itertools
import statistics
import sys
import time
from typing import Annotated

import typer

from tests.acceptance.support.deployment import Deployment
from tests.acceptance.support.haproxy_statistics import taken_down
from tests.acceptance.support.large_cloud import LIBRARY, POLL_TIME, activate, large_cloud
from tests.acceptance.support.push import Pushed, events, pushed
from tests.acceptance.support.traffic import Traffic, traffic
from tests.bench.data_changes import WHOLE, Sizes, measure_changes
from tests.bench.data_figures import LIMIT, deployed, resident, table_row

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

LEAST = 60.0  # seconds for which rows change
SIZES = "100 1000 10000 100000"
CHANGES = 5
PAUSE = 1.0  # seconds between a change that every engine has and the next one
HEADER = (
    "| engines | rows | requests | failed | engines taken for dead | GET /v1/policies, s: median | p99 | whole "
    "table at every engine, s | one row | engine, MiB | datasource node, MiB |\n" + "|---" * 11 + "|"
)


def measured(deployment: Deployment, clients: Traffic, table: Pushed, count: int) -> str:
    """Push a table of `count` rows and change one row several times; return a line of the table."""
    print(f"data: {count} rows: ", end="", file=sys.stderr, flush=True)
    down, began = sum(taken_down(deployment).values()), time.time()
    seconds: list[float] = []
    for changed in itertools.count():
        rows = events(count, changed)
        started = time.monotonic()
        table.push(rows)
        table.reached(rows, LIMIT)
        seconds.append(time.monotonic() - started)
        if changed and time.time() - began > LEAST:
            break
        time.sleep(PAUSE)
    clients.answered()
    asked, failed = clients.since(began), clients.failed(began)
    lists = sorted(one.seconds for one in asked if one.request == "GET /v1/policies")
    down = sum(taken_down(deployment).values()) - down
    figures = [
        *(f"{len(deployment.engines)}", f"{count}", f"{len(asked)}", f"{len(failed)}", f"{down}"),
        f"{statistics.median(lists):.3f}",
        f"{lists[int(len(lists) * 0.99)]:.3f}",
        f"{seconds[0]:.1f}",
        f"{statistics.median(seconds[1:]):.1f}",
        *(f"{figure}" for figure in resident(deployment)),
    ]
    return table_row(figures, failed)


def measure_rows(sizes: list[int]) -> None:
    """Push tables of each size."""
    with deployed() as deployment, traffic(deployment) as clients, pushed(deployment) as table:
        lines = [measured(deployment, clients, table, size) for size in sizes]
    print(HEADER)
    print("\n".join(lines))


def measure_servers(servers: int) -> None:
    """Let the drivers poll a simulated cloud, and evaluate the policies of Congress's library over it."""
    lines = ["| what | seconds |", "|---|---|"]
    with deployed() as deployment, traffic(deployment) as clients:
        began, down = time.time(), sum(taken_down(deployment).values())
        with large_cloud(deployment, servers) as cloud:
            report(
                lines,
                f"{cloud.cloud.rules} rules of security groups, first poll to every engine",
                cloud.polled(LIMIT),
            )
            changes = [cloud.changed(LIMIT) for _ in range(CHANGES)]
            report(
                lines,
                f"one rule changed to every engine, polled each {POLL_TIME} s: median",
                statistics.median(changes),
            )
            report(lines, "the same: worst", max(changes))
            for policy in LIBRARY:
                activate(deployment, policy)
                for table, seconds in cloud.evaluated(policy).items():
                    report(lines, f"GET rows of {table}", seconds)
            memory = resident(deployment)
        clients.answered()
        asked, failed = clients.since(began), clients.failed(began)
        down = sum(taken_down(deployment).values()) - down
    print("\n".join(lines))
    print(f"\n{len(asked)} requests, {len(failed)} failed; engines taken for dead: {down}; ", end="")
    print(f"slowest request {clients.slowest(began).seconds:.1f} s; ", end="")
    print("MiB: engine {}, datasource node {}".format(*memory))


def report(lines: list[str], what: str, seconds: float) -> None:
    lines.append(f"| {what} | {seconds:.1f} |")
    print(f"data: {what}: {seconds:.1f} s", file=sys.stderr, flush=True)


@app.command()
def measure(  # noqa: PLR0917  options
    rows: Annotated[str, typer.Option(envvar="ROWS", help="Sizes of the table that is pushed.")] = SIZES,
    servers: Annotated[
        int | None,
        typer.Option(envvar="SERVERS", min=1, help="Servers of a simulated cloud; then no table is pushed."),
    ] = None,
    duration: Annotated[
        float | None,
        typer.Option(
            envvar="DURATION",
            min=2 * WHOLE,
            help="Seconds for which rows change all the time, in tables of ROWS.",
        ),
    ] = None,
    tables: Annotated[
        str, typer.Option(envvar="TABLES", help="With DURATION: how many tables, each of a datasource.")
    ] = "2",
    engines: Annotated[
        str,
        typer.Option(
            envvar="ENGINES", help="With DURATION: how many engines, deployed for it; else those there."
        ),
    ] = "",
    faults: Annotated[  # noqa: FBT002  an option
        bool, typer.Option(envvar="FAULTS", help="With DURATION: faults afterwards, while rows change.")
    ] = False,
) -> None:
    """Measure pushed tables, rows that change continuously, or a polled cloud."""
    if servers:
        measure_servers(servers)
        return
    sizes = numbers("ROWS", rows, 1, SIZES)
    if duration:
        wanted = Sizes(sizes, numbers("TABLES", tables, 2, "2 4"), numbers("ENGINES", engines, 2, "2 4"))
        measure_changes(wanted, duration, faults=faults)
    else:
        measure_rows(sizes)


def numbers(name: str, text: str, least: int, example: str) -> list[int]:
    """The numbers of an option that takes several."""
    try:
        values = [int(one) for one in text.split()]
    except ValueError:
        values = [0]
    if min(values, default=least) < least:
        sys.exit(f"data: {name}={text!r}: numbers, {least} or more each, such as {name}='{example}'")
    return values


if __name__ == "__main__":
    app()
