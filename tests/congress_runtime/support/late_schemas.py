"""Runs in Congress's virtual environment: an engine starts, and the schema of a datasource arrives late.

usage: late_schemas.py FOLDER. Prints one JSON object: time -> number of tables that the engine reports as loading, and
the rows of the policy's tables, null for a table that the engine does not know.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from tests.congress_runtime.support import congress_node

# isort: split
import eventlet
from congress.db import datasources, db_policy_rules
from congress.dse2.dse_node import DseNode
from oslo_config import cfg

SLOW_SCHEMA = 0.3  # seconds for the schema of the datasource `slow`
SOURCES = ("late", "slow", "sound")
# The rules name columns, for which the engine needs the schema.
RULES = {name: f"p_{name}(x) :- {name}:things(name=x)" for name in SOURCES}
late_schema = eventlet.Event()


def answer(service: str, method: str) -> Any:
    if method != "get_datasource_schema":
        return 0, [["one"]]
    if service == "late":
        late_schema.wait()
    elif service == "slow":
        eventlet.sleep(SLOW_SCHEMA)
    return {"things": ["name"]}


def main(folder: str) -> None:
    congress_node.configure(folder, period=1000)  # only this script makes requests
    congress_node.replace_rpc(SOURCES, answer)
    from congress_runtime.patches import rule_insert, subscriptions  # noqa: PLC0415

    subscriptions.apply()
    rule_insert.apply()
    rule_insert.MOMENT, rule_insert.AT_START = 0.0, 3 * SLOW_SCHEMA
    from congress_runtime.wsgi.health import Health  # noqa: PLC0415  not before the configuration is read

    db_policy_rules.add_policy("id-of-ours", "ours", "", "", "", "nonrecursive")
    for name in SOURCES:
        datasources.add_datasource(f"id-of-{name}", name, "doctor", {}, "", True)  # noqa: FBT003
        db_policy_rules.add_policy_rule(f"id-of-p-{name}", "ours", RULES[name], "")
    api = congress_node.Api(DseNode(cfg.CONF, "node", [], partition_id="bus"))
    health = Health(api.app.resource_mgr, set(SOURCES))

    def current() -> dict[str, Any]:
        answers = {name: api.ask("GET", f"/v1/policies/ours/tables/p_{name}/rows")[1] for name in SOURCES}
        rows = {name: answer.get("results") for name, answer in answers.items()}
        return {"loading": health.missing_tables(), **rows}

    congress_node.until(lambda: current()["sound"])
    seen = {"the schema of one is late": current()}
    late_schema.send()
    congress_node.until(lambda: not health.missing_tables())
    seen["the late schema has arrived"] = current()
    print(json.dumps(seen), flush=True)
    os._exit(0)


main(*sys.argv[1:])
