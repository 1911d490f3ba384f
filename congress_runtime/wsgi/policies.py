"""POST /health/policies: how many rows the tables of violations have, and when datasources were polled.

The body is a JSON object of `policies` and `datasources`, names that `make status` wants to know about. As for
/health/lag, only the engine's own host gets an answer, and no token is needed: the answer has numbers and the
datasources' errors, no rows. The tables are counted one after another, with the pauses of other evaluations, and for
LIMIT seconds altogether: `make status` must not keep an engine busy.
"""

import json
import time
from datetime import datetime
from typing import Any

import eventlet
from congress.exception import CongressException
from congress_runtime.patches.evaluation import Query
from congress_runtime.patches.evaluation_plan import NotPlannable

LIMIT = 1.0  # seconds for all tables, and for a datasource; `make status` waits 2.5 s for everything
# Congress's own policies and its library name violations so.
TABLES = ("error", "warning")


def answer(engine: Any, asked: dict[str, list[str]]) -> str:
    """JSON object of `policies`: name -> {table: rows}, null for a policy that the engine does not have, and for a
    table that was not counted in time; `datasources`: name -> {age, error}, null without an answer in time.
    """
    sources = eventlet.spawn(datasources, engine, asked["datasources"])
    end = time.monotonic() + LIMIT
    policies = {name: violations(engine, name, end) for name in asked["policies"]}
    return json.dumps({"policies": policies, "datasources": sources.wait()})


def violations(engine: Any, policy: str, end: float) -> dict[str, int | None] | None:
    tables = engine.get_tablenames(policy)
    if tables is None:
        return None
    return {table: count(engine, policy, table, end) for table in TABLES if table in tables}


def count(engine: Any, policy: str, table: str, end: float) -> int | None:
    queries = engine.table_contents_queries(table, policy)
    left = end - time.monotonic()
    if left < 0 or queries is None:
        return None
    query = engine.parse1(queries[0])
    try:
        planned = Query(engine.get_target(policy), query.arguments, [query], pauses=True)
    except (NotPlannable, CongressException):  # upstream's evaluator does not pause
        return None
    planned.pace.limit = left
    try:
        return sum(1 for _ in planned.answers())
    except CongressException:  # the limit
        return None


def datasources(engine: Any, names: list[str]) -> dict[str, dict[str, Any] | None]:
    def ask(name: str) -> tuple[str, dict[str, Any] | None]:
        words = {"source_id": name, "params": {}}
        try:
            status = engine.node.invoke_service_rpc(name, "get_status", words, timeout=LIMIT)
        except Exception:  # noqa: BLE001  after any error there is no status
            return name, None
        error = status["last_error"]
        return name, {"age": age(status["last_updated"]), "error": "" if error == "None" else error}

    return dict(eventlet.GreenPool(len(names) or 1).imap(ask, names))


def age(moment: str) -> int | None:
    """Seconds since a time that Congress gives in its hosts' local time, None if there was none yet."""
    try:
        return max(round((datetime.now() - datetime.fromisoformat(moment)).total_seconds()), 0)  # noqa: DTZ005
    except ValueError:
        return None
