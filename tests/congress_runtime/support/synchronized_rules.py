"""Run by the Python that Congress is installed in: an engine synchronises while a datasource does not answer.

usage: synchronized_rules.py FOLDER [upstream]: with `upstream` as upstream alone does it.
Prints one JSON object. "in time": what was over while no question to the datasource `hung` had been answered.
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

PATIENCE = 3.0  # seconds; a question that is not answered ends long after
asked: list[list[str]] = []
hung = {"hung"}
over = eventlet.Event()


def watch_bus() -> None:
    ask = DseNode.invoke_service_rpc

    def seen(self: Any, service: str, method: str, *args: Any, **kwargs: Any) -> Any:
        if service not in ("sound", "hung"):
            return ask(self, service, method, *args, **kwargs)
        asked.append([service, method])
        if service in hung:
            over.wait()
            raise Unavailable("no answer")
        return {"things": ["name"]} if method == "get_datasource_schema" else (0, [["one"]])

    DseNode.invoke_service_rpc = seen
    DseNode.is_valid_service = lambda *_: True


def in_time(does: Any, *args: Any) -> bool:
    thread = eventlet.spawn(does, *args)
    with eventlet.Timeout(PATIENCE, exception=False):
        thread.wait()
        return True
    return False


def main(folder: str, *words: str) -> None:
    congress_node.configure(folder, period=1000)  # nobody but this script asks for anything
    watch_bus()
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
        """By another engine."""
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
    over.send()
    seen["rows in the end"] = congress_node.until(
        lambda: (
            synchronizer.synchronize_all_policies()
            or api.ask("GET", "/v1/policies/ours/tables/q/rows")[1]["results"]
        )
    )
    print(json.dumps(seen), flush=True)
    os._exit(0)


main(*sys.argv[1:])
