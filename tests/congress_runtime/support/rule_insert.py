"""Runs in Congress's virtual environment: an engine inserts rules over datasources.

usage: rule_insert.py FOLDER [upstream]: with `upstream`, without our patches.
Prints one JSON object: scenario -> the calls over the bus, and whether tables were locked meanwhile; `listed`: how
often the tables of all rules were listed.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from tests.congress_runtime.support import congress_node

# isort: split
import eventlet
from congress.db import api as db_api
from congress.db import datasources
from congress.dse2.dse_node import DseNode
from oslo_config import cfg

locked: list[bool] = [False]
asked: list[tuple[str, str, bool]] = []
# One for each time that the tables of all rules of all policies were listed.
listed: list[None] = []


def watch_locks() -> None:
    """Record when Congress locks and unlocks tables; SQLite itself has no table locks."""

    def watched(function: Any, now: bool) -> Any:  # noqa: FBT001
        def set_locked(*args: Any, **kwargs: Any) -> Any:
            locked[0] = now
            return function(*args, **kwargs)

        return set_locked

    db_api.lock_tables = watched(db_api.lock_tables, now=True)
    db_api.commit_unlock_tables = watched(db_api.commit_unlock_tables, now=False)
    db_api.rollback_unlock_tables = watched(db_api.rollback_unlock_tables, now=False)


def watch_lists(subscriptions: Any) -> None:
    in_rules = subscriptions.in_rules

    def counted(self: Any) -> Any:
        listed.append(None)
        return in_rules(self)

    subscriptions.in_rules = counted


def answer(service: str, method: str) -> Any:
    asked.append((service, method, locked[0]))
    eventlet.sleep(0.1)
    if method == "get_datasource_schema":
        return {"things": ["name"]}
    return 0, [["one"]]


def main(folder: str, *words: str) -> None:
    congress_node.configure(folder, period=1000)  # only the client makes requests
    watch_locks()
    congress_node.replace_rpc(("source", "another"), answer)
    if not words:
        from congress_runtime.patches import rule_insert, subscriptions  # noqa: PLC0415

        subscriptions.apply()
        rule_insert.apply()
        watch_lists(subscriptions.Subscriptions)
    api = congress_node.Api(DseNode(cfg.CONF, "node", [], partition_id="bus"))
    for name in ("source", "another"):
        datasources.add_datasource(f"id-of-{name}", name, "doctor", {}, "", True)  # noqa: FBT003
    engine = api.app.resource_mgr.node.service_object("__engine")
    engine.synchronizer.sync_one_policy("source")
    seen: dict[str, Any] = {"listed": {}}

    def post(what: str, path: str, body: dict[str, Any]) -> None:
        del asked[:], listed[:]
        seen[what] = {"answer": api.ask("POST", path, body)[0], "asked": list(asked)}
        seen["listed"][what] = len(listed)

    post("a policy", "/v1/policies", {"name": "ours"})
    post("a rule", "/v1/policies/ours/rules", {"rule": "p(x) :- source:things(x)"})
    seen["rows"] = api.ask("GET", "/v1/policies/ours/tables/p/rows")[1]
    post("the same tables", "/v1/policies/ours/rules", {"rule": "q(x) :- source:things(x)"})
    post("a bad rule", "/v1/policies/ours/rules", {"rule": "r(x) :- source:things(x), not source:no(y)"})
    post("a datasource's own", "/v1/policies/another/rules", {"rule": "things(1)"})
    post("a fact", "/v1/policies/ours/rules", {"rule": "p('two')"})
    post("no rows", "/v1/policies/ours/rules", {"rule": "s(x) :- another:things(x)"})
    seen["inserted"] = len(api.ask("GET", "/v1/policies/ours/rules")[1]["results"])
    print(json.dumps(seen), flush=True)
    os._exit(0)


main(*sys.argv[1:])
