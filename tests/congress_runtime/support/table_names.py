"""Runs in Congress's virtual environment: the rules and tables that policies of each kind report.

usage: table_names.py ours|upstream: prints one JSON object.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from tests.congress_runtime.support.engine_rows import Engine, apply, row

# isort: split
from congress.datalog.compile import Literal, Rule

FORMULAS = (
    ("classification", "p(1)"),
    ("classification", "p(x) :- cloud:servers(x, a, b, c, d, e, f, g, h, i), not q(x)"),
    ("classification", "q(2)"),
    ("classification", "execute[nova:disconnect(x)] :- empty(x)"),
    ("classification", "r(x) :- other:s(x), lt(x, 3)"),
    ("action", "r+(x) :- act(x)"),
    ("action", "action('act')"),
    ("classification", "t(1)"),
)


def reported(engine: Engine) -> dict[str, Any]:
    tables = {
        f"{body_only} {modal} {builtin}": sorted(
            engine.tablenames(body_only=body_only, include_modal=modal, include_builtin=builtin)
        )
        for body_only in (False, True)
        for modal in (False, True)
        for builtin in (False, True)
    }
    policies = {
        name: {
            "tables": sorted(engine.get_tablenames(name)),
            "rules": sorted({str(rule) for rule in theory.policy()}),
            "all": sorted({str(rule) for rule in theory.content()}),
            "by id": sorted({str(theory.get_rule(rule.id)) for rule in theory.policy()}),
        }
        for name, theory in engine.theory.items()
    }
    to_policy = engine._references_to_policy  # noqa: SLF001
    references = {name: sorted({str(rule) for _, rule in to_policy(name)}) for name in engine.theory}
    return {"tables": tables, "policies": policies, "references": references}


def main(which: str) -> None:
    if which == "ours":
        apply()
    engine = Engine()
    engine.create_policy("action", kind="action")
    for policy, formula in FORMULAS:
        engine.change(formula, policy)
    for name in ("negated", "emptied"):
        engine.create_policy(name)
    engine.theory["negated"].rules.add_rule("n", Rule(Literal("n", [], negated=True), []))
    engine.change("gone(x) :- cloud:ports(x, a, b, c, d, e, f, g, h, i)", "emptied")
    engine.theory["emptied"].empty(["gone"])
    seen = {"without rows": reported(engine)}
    engine.receive_data("cloud", "servers", [row(1)], is_snapshot=True)
    seen["with rows"] = reported(engine)
    engine.change("t(1)", "classification", insert=False)
    engine.change(FORMULAS[1][1], "classification", insert=False)
    seen["after deletions"] = reported(engine)
    print(json.dumps(seen))


main(*sys.argv[1:])
