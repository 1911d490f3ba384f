"""Runs in Congress's virtual environment: an engine synchronises its rules with those of the database.

usage: rule_differences.py FOLDER [upstream]: with `upstream`, without patches.rule_differences. Prints one JSON object:
the engine's rules after each change by another engine, and the work of a second synchronisation without a change.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any, NamedTuple

from tests.congress_runtime.support import congress_node

# isort: split
from congress.datalog import compile  # noqa: A004  Congress's name
from congress.db import db_policy_rules
from congress.dse2.dse_node import DseNode
from oslo_config import cfg

RULES, FACTS = 40, 20
work = {"comparisons": 0, "parsed": 0, "updates": 0}


class Text(str):
    """Counts how often it is compared."""

    __slots__ = ()
    __hash__ = str.__hash__

    def __eq__(self, other: object) -> bool:
        work["comparisons"] += 1
        return str.__eq__(self, other)


class Stored(NamedTuple):
    """A rule of the database, as a patch and as upstream read it."""

    policy_name: str
    rule: Text
    id: str
    comment: str
    name: str


def count(engine: Any, synchronizer: Any, module: Any, reader: str) -> dict[str, int]:
    """`reader`: the function of `module` that reads the rules of the database."""
    read, compiler, update = (
        getattr(module, reader),
        compile.get_compiler,
        engine.process_policy_update,
    )

    def counted(*args: Any, **words: Any) -> list[Stored]:
        return [
            Stored(one.policy_name, Text(one.rule), one.id, one.comment, one.name)
            for one in read(*args, **words)
        ]

    def counting(name: str, function: Any) -> Any:
        def call(*args: Any, **words: Any) -> Any:
            work[name] += 1
            return function(*args, **words)

        return call

    setattr(module, reader, counted)
    compile.get_compiler = counting("parsed", compiler)
    engine.process_policy_update = counting("updates", update)
    synchronizer.synchronize_rules()
    work.update(dict.fromkeys(work, 0))
    synchronizer.synchronize_rules()
    return work


def main(folder: str, *words: str) -> None:
    congress_node.configure(folder, period=1000)  # only this script synchronises
    from congress_runtime.patches import policy_changes, rule_differences  # noqa: PLC0415

    # Upstream would give each policy the rules of all policies.
    policy_changes.apply()
    if not words:
        rule_differences.apply()
    api = congress_node.Api(DseNode(cfg.CONF, "node", [], partition_id="bus"))
    engine = api.app.resource_mgr.node.service_object("__engine")
    synchronizer = engine.synchronizer
    for name in ("ours", "other"):
        api.ask("POST", "/v1/policies", {"name": name})

    def add(number: int, text: str, policy: str = "ours", comment: str = "") -> None:
        db_policy_rules.add_policy_rule(f"id-{number}", policy, text, comment, rule_name=f"rule {number}")

    def rules() -> list[list[str]]:
        synchronizer.synchronize_rules()
        return sorted(
            [name, str(rule.original_str or rule.head), str(rule.comment), str(rule.name), str(rule.id)]
            if rule.body
            else [name, str(rule.head)]
            for name in ("ours", "other")
            for rule in engine.policy_object(name).content()
        )

    seen: dict[str, Any] = {}
    add(1, "p(x) :- q(x)", comment="first")
    add(2, "p(x) :- q(x)", policy="other")
    add(3, "q( 1 )")
    add(4, "q('a:b')")
    seen["added"] = rules()
    db_policy_rules.delete_policy_rule("id-1")
    db_policy_rules.delete_policy_rule("id-3")
    add(5, "p(x) :- q(x)", comment="second")
    add(6, "q(2)")
    seen["removed and replaced"] = rules()
    seen["nothing changed"] = rules()
    add(7, "p(x) :- ")
    add(8, "q(3)")
    seen["with one that cannot be parsed"] = rules()
    db_policy_rules.delete_policy_rule("id-7")
    seen["without it"] = rules()
    for number in range(RULES):
        add(100 + number, f"r{number}(x) :- q(x)")
    for number in range(FACTS):
        add(1000 + number, f"f({number})")
    seen["many"] = len(rules())
    reader = (db_policy_rules, "get_policy_rules") if words else (rule_differences, "stored")
    seen["work"] = count(engine, synchronizer, *reader)
    print(json.dumps(seen), flush=True)
    os._exit(0)


main(*sys.argv[1:])
