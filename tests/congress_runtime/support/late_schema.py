"""Run by the Python that Congress is installed in: an engine starts, and a datasource tells its schema late.

usage: late_schema.py FOLDER. Prints one JSON object: when -> how many tables the engine says that it loads, and the
rows of the policy's tables, null where it knows no such table.
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

TOOK = 0.3  # seconds; the schema of `slow`
SOURCES = ("late", "slow", "sound")
RULES = {
    name: f"p_{name}(x) :- {name}:things(name=x)" for name in SOURCES
}  # by the column's name: it takes the schema
over = eventlet.Event()


def watch_bus() -> None:
    ask = DseNode.invoke_service_rpc

    def seen(self: Any, service: str, method: str, *args: Any, **kwargs: Any) -> Any:
        if service not in SOURCES:
            return ask(self, service, method, *args, **kwargs)
        if method != "get_datasource_schema":
            return 0, [["one"]]
        if service == "late":
            over.wait()
        elif service == "slow":
            eventlet.sleep(TOOK)
        return {"things": ["name"]}

    DseNode.invoke_service_rpc = seen
    DseNode.is_valid_service = lambda *_: True


def main(folder: str) -> None:
    congress_node.configure(folder, period=1000)  # nobody but this script asks for anything
    watch_bus()
    from congress_runtime.patches import rule_insert, subscriptions  # noqa: PLC0415

    subscriptions.apply()
    rule_insert.apply()
    rule_insert.MOMENT, rule_insert.AT_START = 0.0, 3 * TOOK
    from congress_runtime.wsgi.health import Health  # noqa: PLC0415  not before the configuration is read

    db_policy_rules.add_policy("id-of-ours", "ours", "", "", "", "nonrecursive")
    for name in SOURCES:
        datasources.add_datasource(f"id-of-{name}", name, "doctor", {}, "", True)  # noqa: FBT003
        db_policy_rules.add_policy_rule(f"id-of-p-{name}", "ours", RULES[name], "")
    api = congress_node.Api(DseNode(cfg.CONF, "node", [], partition_id="bus"))
    health = Health(api.app.resource_mgr, set(SOURCES))

    def told() -> dict[str, Any]:
        rows = {name: api.ask("GET", f"/v1/policies/ours/tables/p_{name}/rows")[1] for name in SOURCES}
        return {"loading": health.untold()} | {name: found.get("results") for name, found in rows.items()}

    congress_node.until(lambda: told()["sound"])
    seen = {"the schema of one is late": told()}
    over.send()
    congress_node.until(lambda: not health.untold())
    seen["it is there"] = told()
    print(json.dumps(seen), flush=True)
    os._exit(0)


main(*sys.argv[1:])
