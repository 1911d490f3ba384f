"""Runs in Congress's virtual environment: an engine synchronises while a datasource does not answer.

usage: rule_synchronization.py FOLDER [upstream]: with `upstream`, without our patches.
Prints one JSON object. "in time": it ended although no request to the datasource `hung` had been answered.
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
from congress.exception import Unavailable
from oslo_config import cfg

TIMEOUT = 3.0  # seconds; a request that is not answered ends much later
asked: list[list[str]] = []
hung = {"hung"}
recovered = eventlet.Event()


def answer(service: str, method: str) -> Any:
    asked.append([service, method])
    if service in hung:
        recovered.wait()
        raise Unavailable("no answer")
    return {"things": ["name"]} if method == "get_datasource_schema" else (0, [["one"]])


def in_time(function: Any, *args: Any) -> bool:
    thread = eventlet.spawn(function, *args)
    with eventlet.Timeout(TIMEOUT, exception=False):
        thread.wait()
        return True
    return False


def main(folder: str, *words: str) -> None:
    congress_node.configure(folder, period=1000)  # only this script makes requests
    congress_node.replace_rpc(("sound", "hung"), answer)
    from congress_runtime.patches import subscriptions  # noqa: PLC0415

    subscriptions.apply()
    if not words:
        from congress_runtime.patches import rule_insert  # noqa: PLC0415

        rule_insert.apply()
    api = congress_node.Api(DseNode(cfg.CONF, "node", [], partition_id="bus"))
    engine = api.app.resource_mgr.node.service_object("__engine")
    synchronizer = engine.synchronizer
    api.ask("POST", "/v1/policies", {"name": "ours"})
    for name in ("hung", "sound"):
        datasources.add_datasource(f"id-of-{name}", name, "doctor", {}, "", True)  # noqa: FBT003

    def rule(number: int, text: str) -> None:
        """Add a rule as another engine does."""
        db_policy_rules.add_policy_rule(f"id-{number}", "ours", text, "")

    def insert(text: str) -> bool:
        return in_time(api.ask, "POST", "/v1/policies/ours/rules", {"rule": text})

    seen: dict[str, Any] = {}
    seen["policies in time"] = in_time(synchronizer.synchronize_all_policies)
    seen["the sound datasource is known"] = "sound" in engine.policy_names()
    seen["insert meanwhile in time"] = insert("p(1)")
    if words:
        for name in ("hung", "sound"):
            engine.initialize_datasource(name, {"things": ["name"]})
    rule(1, "q(x) :- hung:things(x)")
    rule(2, "r(x) :- sound:things(x)")
    seen["rules in time"] = in_time(synchronizer.synchronize_rules)
    seen["insert after in time"] = insert("p(2)")
    seen["again in time"] = in_time(synchronizer.synchronize_rules)
    eventlet.sleep(0.2)
    seen["rows of the sound one"] = api.ask("GET", "/v1/policies/ours/tables/r/rows")[1]["results"]
    hung.clear()
    recovered.send()
    seen["rows in the end"] = congress_node.until(
        lambda: (
            synchronizer.synchronize_all_policies()
            or api.ask("GET", "/v1/policies/ours/tables/q/rows")[1]["results"]
        )
    )
    print(json.dumps(seen), flush=True)
    os._exit(0)


main(*sys.argv[1:])
