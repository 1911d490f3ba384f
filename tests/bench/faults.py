"""Faults on the deployed stack dev: each several times, a random sequence, or RabbitMQ's alarms. The stack stays.

A measurement prints a table in Markdown: the seconds from the fault until every engine has a row that was written after
it, and the seconds without a datasource node. It stops at the first fault whose effects exceed what tests/acceptance
permits.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from tests.acceptance.support.alarms import alarms as pushed_alarms
from tests.acceptance.support.bus_alarms import LASTS, LIMITS, waited_out
from tests.acceptance.support.deployment import Deployment, lab_cloud
from tests.acceptance.support.faults import Fault, Outcome, suffer
from tests.acceptance.support.pair import Pair, watched
from tests.acceptance.support.random_faults import survive
from tests.acceptance.support.role_faults import ALL_FAULTS
from tests.acceptance.support.traffic import Traffic, traffic

HEADER = (
    "| role | faults | requests | failed | answered | without an answer, s | without a write, s |\n"
    + "|---" * 7
    + "|"
)
REACHED = 600.0  # seconds for pushed tables to reach every engine

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@contextmanager
def deployed(seed: int = 1) -> Iterator[Pair]:
    with tempfile.TemporaryDirectory(prefix="congress-ha-faults-") as folder:
        deployment = Deployment(Path(folder))
        with lab_cloud("lab-admin") as admin, watched(deployment, admin, seed) as pair:
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


def done(pair: Pair, number: int, name: str, endure: Callable[[Pair, Fault], Outcome] = suffer) -> Outcome:
    """Cause one fault and print the result."""
    print(f"faults: {number}. {name}: ", end="", file=sys.stderr, flush=True)
    started = time.monotonic()
    try:
        outcome = endure(pair, ALL_FAULTS[name])
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


@dataclass
class Availability:
    """Of the faults of one role: how many, requests and failures meanwhile, and the longest times in seconds."""

    faults: int = 0
    asked: int = 0
    failed: int = 0
    silence: float = 0.0
    silent_writes: float = 0.0

    def add(self, clients: Traffic, moment: float) -> None:
        writers = Traffic([client for client in clients.clients if client.writes])
        self.faults += 1
        self.asked += len(clients.since(moment))
        self.failed += len(clients.failed(moment))
        self.silence = max(self.silence, clients.silence(moment))
        self.silent_writes = max(self.silent_writes, writers.silence(moment))

    def row(self, role: str) -> str:
        share = 100 * (1 - self.failed / self.asked)
        return (
            f"| {role} | {self.faults} | {self.asked} | {self.failed} | {share:.2f} % | {self.silence:.1f} | "
            f"{self.silent_writes:.1f} |"
        )


@app.command()
def sequence(
    count: Annotated[int, typer.Option(min=1, help="How many faults.")] = 30,
    seed: Annotated[int, typer.Option(help="The same seed gives the same sequence.")] = 1,
) -> None:
    """Cause faults in random order while clients read and write; print what part of their requests was answered.

    After each, all roles are audited, and nobody helps. The requests of an audit count, too. A sequence that ends early
    prints what it has.
    """
    roles = defaultdict[str, Availability](Availability)
    with deployed(seed) as pair, traffic(pair.deployment) as clients:
        try:
            for number in range(1, count + 1):
                name, moment = pair.dice.choice(list(ALL_FAULTS)), time.time()
                done(pair, number, name, survive)
                clients.served()
                for role in (ALL_FAULTS[name].role, "all"):
                    roles[role].add(clients, moment)
        finally:
            print(HEADER)
            for role, availability in sorted(roles.items()):
                print(availability.row(role))
            print(f"faults: {roles['all'].faults} faults of seed {seed} survived in a row")


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
