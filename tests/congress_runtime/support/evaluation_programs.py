"""Runs in Congress's virtual environment: evaluates programs, one JSON list of steps a line of standard input.

Each program gets a new engine. Prints one line for each, with the results of its steps. With the argument `upstream`:
without patches.evaluation.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import congress_runtime.patches.removed_names  # noqa: F401  names that congress imports and Python removed
from congress.common import config  # noqa: F401  registers options that the next imports read
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


def typed(value: Any) -> list[Any]:
    """The value with its type in Congress, because JSON has only one type of number."""
    kind = "float" if isinstance(value, float) else "int" if isinstance(value, int) else "str"
    return [kind, int(value) if kind == "int" else value]


def literal(row: Any) -> list[Any]:
    return [str(row.table), [typed(argument.name) for argument in row.arguments]]


class Program:
    def __init__(self) -> None:
        self.runtime = Runtime()
        self.runtime.debug_mode()  # as congress.harness does
        self.fired: list[Any] = []
        for name, kind in POLICIES.items():
            self.runtime.create_policy(name, kind=kind)

    def step(self, action: str, policy: str, *arguments: Any) -> Any:
        try:
            return getattr(self, action)(policy, *arguments)
        except Exception as error:  # noqa: BLE001  the type of the error is the result
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
        rows, _ = self.runtime.select(self.runtime.parse1(query), policy, trace=True)
        return sorted(map(literal, rows), key=repr)

    def data(self, policy: str, table: str) -> list[Any]:
        rows = self.runtime.get_row_data(table, policy)
        return sorted(([typed(value) for value in row["data"]] for row in rows), key=repr)

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
