"""Rows that change continuously on the deployed stack dev, also during faults: a part of tests/bench/data.py."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from tests.acceptance.support.alarms import Alarms, alarms
from tests.acceptance.support.changing_rows import ChangingRows
from tests.acceptance.support.deployment import Deployment, lab_cloud
from tests.acceptance.support.faults import FAULTS, Fault
from tests.acceptance.support.pair import Expected, Pair, watched
from tests.acceptance.support.push import taken_down
from tests.acceptance.support.traffic import Traffic, traffic
from tests.bench.data_figures import LIMIT, deployed, resident, table_row

WHOLE = 60.0  # seconds between two pushes of a whole table, while others change row by row
CHANGES_HEADER = (
    "| engines | tables | rows of each | requests | failed | engines taken for dead | GET /v1/policies, s: median | "
    "p99 | all tables pushed, at every engine, s | changes of a row | each at every engine, s: median | worst | a "
    "whole table pushed, s | rows of a filter, s | of a join, s | engine, MiB | datasource node, MiB |\n"
    + "|---" * 17
    + "|"
)
FAULTS_HEADER = (
    "| fault | requests | failed | a younger row at every engine, s | exactly the datasource's rows, s | "
    "all tables pushed again, at every engine, s |\n|---|---|---|---|---|---|"
)


@contextmanager
def engine_restarted(pair: Pair) -> Iterator[None]:
    engine = pair.deployment.engines[0]
    pair.deployment.on(engine["host"], f"systemctl restart congress-policy-engine@{engine['node_id']}")
    yield


MEASURED_FAULTS = {
    name: FAULTS[name] for name in ("host destroyed by the cloud", "process killed", "RabbitMQ restarted")
} | {"engine restarted": Fault("engine restarted", engine_restarted, Expected(LIMIT, absences=0))}


def measure_changes(sizes: list[int], tables: int, seconds: float, *, faults: bool) -> None:
    """Change rows continuously, in tables of each size."""
    lines, after = [], []
    with (
        deployed() as deployment,
        traffic(deployment) as clients,
        followed(deployment, faults=faults) as (engines, pair),
    ):
        for size in sizes:
            with alarms(deployment, engines, tables) as table:
                table.size = size
                lines.append(changed(deployment, clients, table, seconds))
                if pair:
                    after += [suffered(pair, clients, table, name) for name in MEASURED_FAULTS]
    print("\n".join([CHANGES_HEADER, *lines]))
    if after:
        print("\n".join(["", FAULTS_HEADER, *after]))


@contextmanager
def followed(deployment: Deployment, *, faults: bool) -> Iterator[tuple[Mapping[str, str], Pair | None]]:
    """URLs of the engines and, for faults, the pair that has them."""
    if not faults:
        with deployment.engine_urls() as engines:
            yield engines, None
        return
    with lab_cloud("lab-admin") as admin, watched(deployment, admin) as pair:
        yield pair.probe.engines, pair


def changed(deployment: Deployment, clients: Traffic, table: Alarms, seconds: float) -> str:
    """Push all tables and change rows for so many seconds; return a line of the table."""
    print(f"data: {len(table.sources)} tables of {table.size} rows: ", end="", file=sys.stderr, flush=True)
    down, began = sum(taken_down(deployment).values()), time.time()
    pushed_all, changing_since = table.push_all(LIMIT), time.time()
    with ChangingRows(table, WHOLE) as changing:
        time.sleep(seconds)
        changing.quiet()
        clients.answered()
        lists = sorted(
            one.seconds for one in clients.since(changing_since) if one.request == "GET /v1/policies"
        )
        arrived = changing.arrived(LIMIT)
        table.exact(LIMIT, table.size)
    clients.answered()
    failed = clients.failed(began) + changing.failed()
    figures = [
        *(len(deployment.engines), len(table.sources), table.size),
        *(len(clients.since(began)) + len(changing.asked), len(failed)),
        sum(taken_down(deployment).values()) - down,
        *(f"{statistics.median(lists):.3f}", f"{lists[int(len(lists) * 0.99)]:.3f}"),
        *(f"{pushed_all:.1f}", len(arrived), f"{statistics.median(arrived):.1f}", f"{max(arrived):.1f}"),
        *(f"{changing.took(what):.1f}" for what in ("whole table", "filter", "join")),
        *resident(deployment),
    ]
    return table_row(figures, failed)


def suffered(pair: Pair, clients: Traffic, table: Alarms, name: str) -> str:
    """Cause a fault while rows change; return a line of the table. Afterwards, the rows are pushed again."""
    print(f"data: {name}: ", end="", file=sys.stderr, flush=True)
    pair.whole()
    began = time.time()
    with ChangingRows(table, WHOLE) as changing:
        changing.fresh(began, LIMIT)
        moment = time.time()
        with MEASURED_FAULTS[name].lasting(pair) as struck:
            moment = struck or moment
            fresh = changing.fresh(moment, LIMIT)
        changing.stop()
        table.exact(LIMIT)
        exact = time.time() - moment
    pair.well()
    table.exact(LIMIT)  # what was under way came later
    again = table.push_all(LIMIT)
    clients.answered()
    asked, failed = clients.since(began), clients.failed(began)
    return table_row([name, len(asked), len(failed), f"{fresh:.1f}", f"{exact:.1f}", f"{again:.1f}"], failed)
