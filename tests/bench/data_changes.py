"""Rows that change continuously on the deployed stack dev, also during faults: a part of tests/bench/data.py."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product

from roles import POLICY_ENGINE
from tests.acceptance.support.alarms import Alarms, alarms
from tests.acceptance.support.changing_rows import ChangingRows
from tests.acceptance.support.deployment import Deployment, lab_cloud
from tests.acceptance.support.faults import FAULTS, Fault
from tests.acceptance.support.haproxy_statistics import taken_down
from tests.acceptance.support.pair import Expected, Pair, watched
from tests.acceptance.support.traffic import Traffic, traffic
from tests.bench.data_figures import LIMIT, deployed, resident, table_row

# The lab has three compute hosts.
SOFT = "antiAffinity=soft"
WELL = 180.0  # seconds
ENOUGH = 10_000
WHOLE = 60.0  # seconds between two pushes of a whole table, while others change row by row
CHANGES_HEADER = (
    "| engines | tables | rows of each | requests | failed | engines taken for dead | GET /v1/policies, s: median | "
    "p99 | all tables pushed, at every engine, s | changes of a row | each at every engine, s: median | worst | a "
    "whole table pushed, s | rows of a filter, s | of a join, s | engine, MiB | datasource node, MiB | for "
    "100,000 rows: engine, MiB | datasource node, MiB |\n" + "|---" * 19 + "|"
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
} | {
    "engine restarted": Fault(
        "engine restarted", POLICY_ENGINE.name, engine_restarted, Expected(LIMIT, absences=0)
    )
}


@dataclass(frozen=True)
class Sizes:
    """`rows` of each table; numbers of `tables`, each of its own datasource, and of `engines`, if they change."""

    rows: Sequence[int]
    tables: Sequence[int]
    engines: Sequence[int]


def measure_changes(sizes: Sizes, seconds: float, *, faults: bool) -> None:
    """Change rows continuously, at each of the sizes."""
    lines: list[str] = []
    after: list[str] = []
    with deployed() as deployment:
        try:
            for count in sizes.engines or [0]:
                if count:
                    deployment.up(SOFT, f"policyEngines.count={count}")
                for tables, size in product(sizes.tables, sizes.rows):
                    line, during_faults = measure_size(deployment, tables, size, seconds, faults=faults)
                    lines.append(line)
                    after += during_faults
        finally:
            print("\n".join([CHANGES_HEADER, *lines]))
            if after:
                print("\n".join(["", FAULTS_HEADER, *after]))
            if sizes.engines:
                deployment.up()


def measure_size(
    deployment: Deployment, tables: int, size: int, seconds: float, *, faults: bool
) -> tuple[str, list[str]]:
    """Measure nodes that start without rows; return a line of each table."""
    restart_nodes(deployment)
    with (
        traffic(deployment) as clients,
        followed(deployment, faults=faults) as (engines, pair),
        alarms(deployment, engines, tables) as table,
    ):
        table.size = size
        line = changed(deployment, clients, table, seconds)
        return line, [suffered(pair, clients, table, name) for name in MEASURED_FAULTS] if pair else []


def restart_nodes(deployment: Deployment) -> None:
    """Restart all nodes: a process does not return all memory that rows once took."""
    for engine in deployment.engines:
        deployment.on(engine["host"], f"systemctl restart congress-policy-engine@{engine['node_id']}")
    deployment.on(
        deployment.hosts("datasource-node")[0], "crm_resource --restart --resource ds-node", timeout=180
    )
    deployment.well(WELL)


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
    without = resident(deployment)
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
        *(memory := resident(deployment)),
        *by_rows(memory, without, len(table.sources) * table.size),
    ]
    return table_row(figures, failed)


def by_rows(memory: Sequence[int], without: Sequence[int], rows: int) -> list[str]:
    """The memory that 100,000 rows take, if there are enough rows to tell."""
    more = [after - before for after, before in zip(memory, without, strict=True)]
    return [f"{one * 100_000 / rows:.0f}" if rows >= ENOUGH else "-" for one in more]


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
