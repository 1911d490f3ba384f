"""Why a row is there, as a tree: a row, the rule that gives it, the rows that the rule needs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from policy_code.folder import Folder


def lines(folder: Folder, table: str, answer: dict[str, Any]) -> list[str]:
    """The tree as lines. A table that no rule defines gets no line."""
    steps = answer["steps"]
    if not answer["defined"] or (not steps and table.rpartition(":")[2] not in answer["defined"]):
        return []
    if not steps:
        return [f"{table} has no row in this case: only facts define it"]
    if "fails" in steps[0]:
        return [
            f"{table} has no row in this case",
            *(line for step in steps for line in empty(folder, step, "  ")),
        ]
    return [line for step in steps for line in row(folder, step, "")]


def place(folder: Folder, step: dict[str, Any]) -> str:
    policy = next(one for one in folder.policies if one.is_.name == step["policy"])
    rule = policy.is_.rules[step["rule"]]
    line = policy.source.document.line(("rules", step["rule"]))
    return f"{policy.source.file}:{line}{f' ({rule.name})' if rule.name else ''}"


def row(folder: Folder, step: dict[str, Any], indent: str) -> Iterator[str]:
    note = f"   ({step['note']})" if "note" in step else ""
    yield f"{indent}{step['row']}{note}"
    for way in step["steps"]:
        others = f", and in {way['others']} other way{'s'[: way['others'] > 1]}" if way["others"] else ""
        yield f"{indent}  by the rule of {place(folder, way)}{others}, from"
        for below in way["steps"]:
            yield from row(folder, below, f"{indent}    ")


def empty(folder: Folder, step: dict[str, Any], indent: str) -> Iterator[str]:
    before = f" that fits what the {step['before']} before it give" if step["before"] else ""
    yield f"{indent}the rule of {place(folder, step)} finds no row of"
    yield f"{indent}  {step['fails']}{before}"
    for below in step["below"]:
        yield from empty(folder, below, f"{indent}    ")
