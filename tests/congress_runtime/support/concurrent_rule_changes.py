"""Runs in Congress's virtual environment: rules change while an engine waits for the tables of a new one.

usage: concurrent_rule_changes.py FOLDER. Prints one JSON object: event -> tables to which the engine is subscribed.
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

ROWS = "get_last_published_data_with_seqnum"
RULES = "/v1/policies/ours/rules"
SOURCES = ("slow", "sound")
asked: list[str] = []
answers = {name: eventlet.Event() for name in SOURCES}


def answer(service: str, method: str) -> Any:
    if method != ROWS:
        return {name: ["name"] for name in ("things", "more")}
    asked.append(service)
    answers[service].wait()
    return 0, [["one"]]


def reported_errors(api: Any, engine: Any) -> list[str]:
    def fail(what: str) -> Any:
        def failing(*_: Any, **__: Any) -> None:
            raise RuntimeError(what)

        return failing

    engine.subscriptions.follow_rules = fail("not followed")
    db_policy_rules.add_policy_rule = fail("not written")
    reply = str(api.ask("POST", RULES, {"rule": "v(x) :- sound:more(x)"}))
    return [what for what in ("not written", "not followed") if what in reply]


def main(folder: str) -> None:
    congress_node.configure(folder, period=1000)  # only this script makes requests
    congress_node.replace_rpc(SOURCES, answer)
    from congress_runtime.patches import rule_insert, subscriptions  # noqa: PLC0415

    subscriptions.apply()
    rule_insert.apply()
    api = congress_node.Api(DseNode(cfg.CONF, "node", [], partition_id="bus"))
    engine = api.app.resource_mgr.node.service_object("__engine")
    for name in SOURCES:
        datasources.add_datasource(f"id-of-{name}", name, "doctor", {}, "", True)  # noqa: FBT003
        engine.synchronizer.sync_one_policy(name)
    api.ask("POST", "/v1/policies", {"name": "ours"})

    def insert(text: str) -> str:
        status, rule = api.ask("POST", RULES, {"rule": text})
        assert status == 201, (text, rule)
        return str(rule["id"])

    def waiting(text: str, source: str) -> Any:
        del asked[:]
        client = eventlet.spawn(insert, text)
        assert congress_node.until(lambda: source in asked)
        return client

    def subscribed() -> list[str]:
        return sorted(map(":".join, engine.subscriptions.subscribed()))

    seen: dict[str, Any] = {}
    answers["sound"].send()
    old = insert("p(x) :- sound:things(x)")
    db_policy_rules.delete_policy_rule(old)  # by another engine
    client = waiting("q(x) :- slow:things(x)", "slow")
    insert("r(x) :- sound:things(x)")
    answers["slow"].send()
    client.wait()
    seen["another rule names an old table again"] = subscribed()

    answers.update((name, eventlet.Event()) for name in SOURCES)
    client = waiting("s(x) :- slow:more(x), sound:more(x)", "sound")
    (new,) = (rule["id"] for rule in api.ask("GET", RULES)[1]["results"] if "more" in rule["rule"])
    assert api.ask("DELETE", f"{RULES}/{new}")[0] == 200
    for event in answers.values():
        event.send()
    client.wait()
    seen["the rule is deleted"] = subscribed()

    answers.update((name, eventlet.Event()) for name in SOURCES)
    client = waiting("t(x) :- slow:more(x)", "slow")
    second = eventlet.spawn(insert, "u(x) :- slow:more(x)")
    inserted = "u(x) :- slow:more(x)"
    assert congress_node.until(lambda: inserted in [r["rule"] for r in api.ask("GET", RULES)[1]["results"]])
    eventlet.sleep(0.2)
    before = second.dead
    answers["slow"].send()
    second.wait()
    client.wait()
    seen["a second client is answered before the table of both"] = before

    seen["what a client is told of two errors"] = reported_errors(api, engine)
    print(json.dumps(seen), flush=True)
    os._exit(0)


main(*sys.argv[1:])
