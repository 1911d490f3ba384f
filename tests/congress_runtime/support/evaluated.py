"""Run by the Python that Congress is installed in: programs on standard input, one JSON list a line, each done anew.

Prints for each a line with what its steps gave. `upstream` as argument: without patches.evaluation.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import congress_runtime.patches.removed_names  # noqa: F401  what Python removed, which congress still imports
from congress.common import config  # noqa: F401  registers options that are read by what follows
from congress.datalog.compile import Fact
from congress.policy_engines.agnostic import Runtime

# isort: split
from congress_runtime.patches import evaluation, evaluation_triggers, evaluation_undone

POLICIES = {
    "d": "datasource",
    "e": "datasource",
    "p": "nonrecursive",
    "q": "nonrecursive",
    "a": "action",
    "m": "database",
}


def told(value: Any) -> list[Any]:
    """With the kind that Congress gives it, for JSON has one kind of number."""
    kind = "float" if isinstance(value, float) else "int" if isinstance(value, int) else "str"
    return [kind, int(value) if kind == "int" else value]


def literal(found: Any) -> list[Any]:
    return [str(found.table), [told(argument.name) for argument in found.arguments]]


class Program:
    def __init__(self) -> None:
        self.runtime = Runtime()
        self.runtime.debug_mode()  # as congress.harness does
        self.fired: list[Any] = []
        for name, kind in POLICIES.items():
            self.runtime.create_policy(name, kind=kind)

    def step(self, does: str, policy: str, *words: Any) -> Any:
        try:
            return getattr(self, does)(policy, *words)
        except Exception as error:  # noqa: BLE001  that there was one is what is told
            return ["error", type(error).__name__]

    def rows(self, policy: str, table: str, rows: list[Any]) -> None:
        facts = (
            Fact(table, [float(value) if kind == "float" else value for kind, value in row]) for row in rows
        )
        self.runtime.initialize_tables([table], facts, target=policy)

    def insert(self, policy: str, formula: str) -> bool:
        return bool(self.runtime.insert(formula, policy)[0])

    def delete(self, policy: str, formula: str) -> bool:
        return bool(self.runtime.delete(formula, policy)[0])

    def select(self, policy: str, query: str) -> list[Any]:
        return sorted(map(literal, self.runtime.select(self.runtime.parse1(query), policy)), key=repr)

    def trace(self, policy: str, query: str) -> list[Any]:
        found, _ = self.runtime.select(self.runtime.parse1(query), policy, trace=True)
        return sorted(map(literal, found), key=repr)

    def data(self, policy: str, table: str) -> list[Any]:
        rows = self.runtime.get_row_data(table, policy)
        return sorted(([told(value) for value in row["data"]] for row in rows), key=repr)

    def simulate(self, policy: str, query: str, sequence: str) -> list[str]:
        return sorted(self.runtime.simulate(query, policy, sequence, "a", as_list=True))

    def watch(self, policy: str, table: str) -> None:
        self.runtime.register_trigger(table, self.fire, policy)

    def fire(self, table: Any, old: Any, new: Any) -> None:
        changes = [sorted(map(literal, some), key=repr) for some in (new - old, old - new)]
        self.fired.append([table[0], *changes])

    def seen(self, _policy: str) -> list[Any]:
        return self.fired


def main() -> None:
    if sys.argv[1:] != ["upstream"]:
        for patch in (evaluation, evaluation_triggers, evaluation_undone):
            patch.apply()
    for line in sys.stdin:
        program = Program()
        print(json.dumps([program.step(*words) for words in json.loads(line)]), flush=True)


main()
