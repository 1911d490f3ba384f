"""For scripts that run in Congress's virtual environment: an engine with many rows, without a bus."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any

import congress_runtime.patches.removed_names  # noqa: F401  names that congress imports and Python removed
from congress.common import config  # noqa: F401  registers options that the next imports read

# isort: split
from congress.datalog.compile import Event
from congress.policy_engines.agnostic import DseRuntime
from congress_runtime.patches import rows as rows_patch
from congress_runtime.patches import table_names

COLUMNS = 10
TABLES = ("servers", "ports")
RULE = "big(x) :- cloud:servers(x, {0}), not cloud:ports(x, {0})".format(
    ", ".join(f"y{i}" for i in range(1, COLUMNS))
)


def apply() -> None:
    table_names.apply()
    rows_patch.apply()


def row(number: int, name: str = "server") -> tuple[Any, ...]:
    return (f"{name}-{number}", number, *(f"value-{number % 97}-{column}" for column in range(2, COLUMNS)))


def rows(count: int) -> Iterator[tuple[Any, ...]]:
    return map(row, range(count))


class Engine(DseRuntime):  # type: ignore[misc]
    """An engine that requests no tables."""

    def __init__(self) -> None:
        super().__init__("__engine")
        self.debug_mode()  # as congress.harness does
        self.subscribed: set[tuple[str, str]] = set()
        self.create_policy("classification")
        schema = {table: [{"name": f"c{i}", "desc": ""} for i in range(COLUMNS)] for table in TABLES}
        self.initialize_datasource("cloud", schema)
        self.change(RULE, "classification")

    def subscribe(self, service: str, table: str) -> None:
        self.subscribed.add((service, table))

    def unsubscribe(self, service: str, table: str) -> None:
        self.subscribed.remove((service, table))

    def change(self, formula: str, policy: str, insert: bool = True) -> None:  # noqa: FBT001, FBT002
        permitted, problems = self.process_policy_update([Event(self.parse1(formula), insert, target=policy)])
        assert permitted, problems

    def holds(self, table: str = "servers") -> set[tuple[Any, ...]]:
        return {tuple(fact) for fact in self.theory["cloud"].rules.facts.get(table, ())}


def calls(task: Callable[[], object]) -> int:
    """Number of Python function calls in `task`, including resumed generators."""
    count = 0

    def see(_frame: object, event: str, _argument: object) -> None:
        nonlocal count
        count += event == "call"

    sys.setprofile(see)
    try:
        task()
    finally:
        sys.setprofile(None)
    return count
