"""Faults on the deployed stack dev: each several times, a random sequence, or RabbitMQ's alarms. The stack stays.

A measurement prints a table in Markdown: the seconds from the fault until every engine has a row that was written after
it, and the seconds without a datasource node. It stops at the first fault whose effects exceed what tests/acceptance
permits.
"""

from __future__ import annotations

import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from tests.acceptance.support.alarms import alarms as pushed_alarms
from tests.acceptance.support.bus_alarms import LASTS, LIMITS, waited_out
from tests.acceptance.support.deployment import Deployment, lab_cloud
from tests.acceptance.support.faults import Outcome, suffer
from tests.acceptance.support.pair import Pair, watched
from tests.acceptance.support.role_faults import ALL_FAULTS
from tests.acceptance.support.traffic import traffic

REACHED = 600.0  # seconds for pushed tables to reach every engine

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@contextmanager
def deployed() -> Iterator[Pair]:
    with tempfile.TemporaryDirectory(prefix="congress-ha-faults-") as folder:
        deployment = Deployment(Path(folder))
        with lab_cloud("lab-admin") as admin, watched(deployment, admin) as pair:
            yield pair


def table(outcomes: dict[str, list[Outcome]]) -> str:
    """Median and worst over the runs of each fault, in Markdown."""
    lines = [
        "| fault | runs | rows fresh again: median | worst | node absent: median | worst |",
        "|---|---|---|---|---|---|",
    ]
    for name, runs in outcomes.items():
        fresh = [run.fresh for run in runs]
        absent = [sum(run.record.absences) for run in runs]
        figures = (statistics.median(fresh), max(fresh), statistics.median(absent), max(absent))
        lines.append(f"| {name} | {len(runs)} | {' | '.join(f'{figure:.1f}' for figure in figures)} |")
    return "\n".join(lines)


def done(pair: Pair, number: int, name: str) -> Outcome:
    """Cause one fault and print the result."""
    print(f"faults: {number}. {name}: ", end="", file=sys.stderr, flush=True)
    started = time.monotonic()
    try:
        outcome = suffer(pair, ALL_FAULTS[name])
    except AssertionError as error:
        sys.exit(f"not survived: {error}")
    absent, seconds = sum(outcome.record.absences), time.monotonic() - started
    summary = f"fresh after {outcome.fresh:.1f} s, absent {absent:.1f} s; {seconds:.0f} s with its audit"
    print(summary, file=sys.stderr, flush=True)
    return outcome


@app.command()
def measure(
    runs: Annotated[int, typer.Option(min=1, help="How often each fault is done.")] = 5,
    only: Annotated[str, typer.Option(help="Only faults whose name contains this.")] = "",
) -> None:
    """Measure each fault."""
    outcomes: dict[str, list[Outcome]] = {name: [] for name in ALL_FAULTS if only in name}
    if not outcomes:
        sys.exit(f"faults: none is named like {only!r}: {', '.join(ALL_FAULTS)}")
    with deployed() as pair:
        for number in range(1, runs + 1):
            for name, so_far in outcomes.items():
                so_far.append(done(pair, number, name))
    print(table(outcomes))


@app.command()
def sequence(
    count: Annotated[int, typer.Option(min=1, help="How many faults.")] = 30,
    seed: Annotated[int, typer.Option(help="The same seed gives the same sequence.")] = 1,
) -> None:
    """Cause faults in random order while clients read and write; print what part of their requests was answered."""
    dice = random.Random(seed)  # noqa: S311  no cryptography
    with deployed() as pair, traffic(pair.deployment) as clients:
        began, silences = time.time(), dict[str, float]()
        for number in range(1, count + 1):
            name, moment = dice.choice(list(ALL_FAULTS)), time.time()
            done(pair, number, name)
            clients.served()
            silences[name] = max(silences.get(name, 0.0), clients.silence(moment))
        asked, failed = len(clients.since(began)), len(clients.failed(began))
    print("| fault | longest time without an answer, s |\n|---|---|")
    for name, silence in sorted(silences.items()):
        print(f"| {name} | {silence:.1f} |")
    print(f"faults: {count} faults of seed {seed} survived in a row; {failed} of {asked} requests failed")


@app.command()
def alarms(
    seconds: Annotated[float, typer.Option(min=60, help="How long each alarm lasts.")] = LASTS,
    rows: Annotated[int, typer.Option(min=1, help="Of each of two tables.")] = 5_000,
) -> None:
    """Let RabbitMQ's alarms of memory and of disk space last, one after the other."""
    lines = []
    with deployed() as pair, pushed_alarms(pair.deployment, pair.probe.engines, 2) as tables:
        tables.size = rows
        tables.push_all(REACHED)
        for what in LIMITS:
            print(f"faults: alarm of {what}, {seconds:.0f} s: ", end="", file=sys.stderr, flush=True)
            waited = waited_out(pair, tables, what, seconds)
            print(f"{waited}", file=sys.stderr, flush=True)
            lines.append(f"| {what} | {waited.blocked} | {waited.fresh:.1f} | {waited.exact:.1f} |")
    print("| alarm | connections that waited | a younger row at every engine, s | exactly the rows, s |")
    print("|---|---|---|---|")
    print("\n".join(lines))


if __name__ == "__main__":
    app()
