"""GET /health/lag: of which tables this engine has not what their datasources published last.

A publication has a number, one above the one before it, and the engine keeps that of the last one that it took in. What
the datasource published last it is asked here: one short question a datasource, without rows. So it is answered to its
own host alone (`make status` asks there); for anybody else there is nothing at this address.

A table that rules name and the engine is not subscribed to counts as well: its rows stay what they are.
"""

import json
import math
from typing import Any

import eventlet
from congress.datalog.base import DATASOURCE_POLICY_TYPE

LIMIT = 1.0  # seconds for one question; `make status` waits 2.5 for everything
PAUSE = 0.3  # seconds in which a publication that is under way arrives

Numbers = dict[tuple[str, str], int]  # of a datasource's table


def asked_here(environ: dict[str, Any]) -> bool:
    return bool(environ.get("REMOTE_ADDR")) and environ["REMOTE_ADDR"] == environ.get("SERVER_NAME")


def answer(engine: Any) -> str:
    """`subscribed`: how many tables there should be. `silent`: datasources that did not tell their numbers in time."""
    tables = of_datasources(engine, engine.subscriptions.subscribed() | engine.subscriptions.named())
    sources = {source for source, _ in tables}
    first, silent = published(engine, sources)
    late = differing(engine, tables, first)
    if late:
        eventlet.sleep(PAUSE)
        late = differing(engine, late, first)
        has = taken_in(engine)
        # One that has more than it was told of: a publication came meanwhile, or the datasource began anew.
        second, more = published(engine, {source for source, _ in late})
        silent |= more
        late = {
            table
            for table in late
            if has.get(table, -1) < first[table] or has[table] > second.get(table, math.inf)
        }
    late |= of_datasources(engine, engine.subscriptions.named() - engine.subscriptions.subscribed())
    told = {"subscribed": len(tables), "behind": sorted(map(":".join, late)), "silent": sorted(silent)}
    return json.dumps(told)


def of_datasources(engine: Any, tables: set[tuple[str, str]]) -> set[tuple[str, str]]:
    kinds = {name: policy.kind for name, policy in engine.theory.items()}
    return {table for table in tables if kinds.get(table[0]) == DATASOURCE_POLICY_TYPE}


def taken_in(engine: Any) -> Numbers:
    """What is asked for anew counts when the answer is taken in."""
    numbers = {
        (source, table): n for source, of in engine.receiver_seqnums.items() for table, n in of.items()
    }
    return {table: number for table, number in numbers.items() if table not in engine.subscriptions.open}


def differing(engine: Any, tables: set[tuple[str, str]], numbers: Numbers) -> set[tuple[str, str]]:
    has = taken_in(engine)
    return {table for table in tables if table in numbers and has.get(table) != numbers[table]}


def published(engine: Any, sources: set[str]) -> tuple[Numbers, set[str]]:
    def ask(source: str) -> tuple[str, dict[str, int] | None]:
        try:
            status = engine.node.invoke_service_rpc(
                source, "get_status", {"source_id": source, "params": {}}, timeout=LIMIT
            )
            return source, status["sequence_numbers"]
        except Exception:  # noqa: BLE001  whatever it is, it told nothing
            return source, None

    told = dict(eventlet.GreenPool(len(sources) or 1).imap(ask, sources))
    numbers = {(source, table): n for source, of in told.items() for table, n in (of or {}).items()}
    return numbers, {source for source, of in told.items() if of is None}
