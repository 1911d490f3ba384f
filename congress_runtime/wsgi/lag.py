"""GET /health/lag: the tables for which this engine lacks the newest publication of their datasource.

Publications of a table are numbered one by one, and the engine keeps the number of the last one that it received. This
module asks each datasource for its last numbers, in one short request without rows. To limit these requests, only the
engine's own host gets an answer (`make status` asks there); anybody else gets 404.

A table that rules name but the engine is not subscribed to also counts as behind, because its rows never change.
"""

import json
import math
from typing import Any

import eventlet
from congress.datalog.base import DATASOURCE_POLICY_TYPE

LIMIT = 1.0  # seconds for one request to a datasource; `make status` waits 2.5 s for everything
PAUSE = 0.3  # seconds after which a publication that has been sent has arrived

Numbers = dict[tuple[str, str], int]  # (datasource, table) -> number of a publication


def from_this_host(environ: dict[str, Any]) -> bool:
    return bool(environ.get("REMOTE_ADDR")) and environ["REMOTE_ADDR"] == environ.get("SERVER_NAME")


def answer(engine: Any) -> str:
    """JSON object of `subscribed`: number of tables that the engine should have; `behind`: ["datasource:table", ...];
    `silent`: names of the datasources that did not answer in time.
    """
    tables = of_datasources(engine, engine.subscriptions.subscribed() | engine.subscriptions.in_rules())
    sources = {source for source, _ in tables}
    published, silent = published_numbers(engine, sources)
    behind = differing(engine, tables, published)
    if behind:
        eventlet.sleep(PAUSE)
        behind = differing(engine, behind, published)
        received = received_numbers(engine)
        # A higher number than published: a publication arrived meanwhile, or the datasource restarted at 0.
        published_later, also_silent = published_numbers(engine, {source for source, _ in behind})
        silent |= also_silent
        behind = {
            table
            for table in behind
            if received.get(table, -1) < published[table]
            or received[table] > published_later.get(table, math.inf)
        }
    behind |= of_datasources(engine, engine.subscriptions.in_rules() - engine.subscriptions.subscribed())
    return json.dumps(
        {"subscribed": len(tables), "behind": sorted(map(":".join, behind)), "silent": sorted(silent)}
    )


def of_datasources(engine: Any, tables: set[tuple[str, str]]) -> set[tuple[str, str]]:
    kinds = {name: policy.kind for name, policy in engine.theory.items()}
    return {table for table in tables if kinds.get(table[0]) == DATASOURCE_POLICY_TYPE}


def received_numbers(engine: Any) -> Numbers:
    """Without the tables that the engine has requested again and not yet received."""
    numbers = {
        (source, table): number
        for source, tables in engine.receiver_seqnums.items()
        for table, number in tables.items()
    }
    return {table: n for table, n in numbers.items() if table not in engine.subscriptions.requested}


def differing(engine: Any, tables: set[tuple[str, str]], published: Numbers) -> set[tuple[str, str]]:
    received = received_numbers(engine)
    return {table for table in tables if table in published and received.get(table) != published[table]}


def published_numbers(engine: Any, sources: set[str]) -> tuple[Numbers, set[str]]:
    """The last numbers of the datasources, and the names of those that did not answer within LIMIT."""

    def ask(source: str) -> tuple[str, dict[str, int] | None]:
        try:
            status = engine.node.invoke_service_rpc(
                source, "get_status", {"source_id": source, "params": {}}, timeout=LIMIT
            )
            return source, status["sequence_numbers"]
        except Exception:  # noqa: BLE001  after any error it counts as silent
            return source, None

    answers = dict(eventlet.GreenPool(len(sources) or 1).imap(ask, sources))
    numbers = {
        (source, table): number
        for source, tables in answers.items()
        for table, number in (tables or {}).items()
    }
    return numbers, {source for source, tables in answers.items() if tables is None}
