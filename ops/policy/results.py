"""The results of a folder's cases, and which rules the cases reached."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from policy_code.documents import Problem, printable
from policy_code.folder import Declared, Folder
from policy_code.model import Policy


@dataclass(frozen=True)
class Table:
    name: str
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    same: int


@dataclass(frozen=True)
class Outcome:
    """`differs`: tables with other rows than expected. `error`: the evaluator's error, if it gave up."""

    file: str
    line: int
    policy: str
    name: str
    seconds: float
    differs: tuple[Table, ...]
    error: str | None

    @property
    def passed(self) -> bool:
        return not (self.differs or self.error)


@dataclass(frozen=True)
class Measured:
    """A rule with a body: the most rows that it found in one case, and its longest time."""

    place: Problem
    rows: int
    seconds: float


@dataclass(frozen=True)
class Results:
    outcomes: tuple[Outcome, ...]
    rules: tuple[Measured, ...]

    @property
    def failed(self) -> int:
        return sum(not outcome.passed for outcome in self.outcomes)

    @property
    def covered(self) -> int:
        return sum(rule.rows > 0 for rule in self.rules)

    @classmethod
    def of(cls, folder: Folder, answer: dict[str, Any]) -> Results:
        outcomes = []
        seen: dict[tuple[str, int], tuple[int, float]] = {}
        for cases, answers in zip(folder.cases, answer["cases"], strict=True):
            policy = folder.policy_of(cases)
            name = policy.name if policy else ""
            for position, (case, one) in enumerate(zip(cases.is_.cases, answers, strict=True)):
                line = cases.source.document.line(("cases", position))
                outcomes.append(
                    Outcome(
                        cases.source.file,
                        line,
                        name,
                        printable(case.name),
                        one["seconds"],
                        differing(one),
                        one["error"],
                    )
                )
                for rule in one["rules"]:
                    rows, seconds = seen.get((name, rule["rule"]), (0, 0.0))
                    seen[name, rule["rule"]] = (max(rows, rule["rows"]), max(seconds, rule["seconds"]))
        rules = [
            one
            for policy in folder.policies
            for one in measured(policy, answer["bodies"][policy.is_.name], seen)
        ]
        return cls(tuple(outcomes), tuple(rules))


def differing(answer: dict[str, Any]) -> tuple[Table, ...]:
    return tuple(
        Table(one["table"], tuple(one["missing"]), tuple(one["unexpected"]), one["same"])
        for one in answer["tables"]
        if one["missing"] or one["unexpected"]
    )


def measured(
    policy: Declared[Policy], bodies: list[int], seen: dict[tuple[str, int], tuple[int, float]]
) -> list[Measured]:
    """`bodies`: the rules with a body. A fact is a row, so no case reaches it."""
    rules = policy.is_.rules
    return [
        Measured(
            policy.source.problem(("rules", position), " ".join(rules[position].rule.split())),
            *seen.get((policy.is_.name, position), (0, 0.0)),
        )
        for position in bodies
    ]
