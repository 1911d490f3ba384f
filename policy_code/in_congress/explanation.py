"""Explains by the rules why a row is in a table, or why a table is empty, down to the tables that the rules use."""

from __future__ import annotations

import re
from typing import Any

from congress.datalog import compile  # noqa: A004  Congress's name

from policy_code.in_congress.evaluation import Evaluation
from policy_code.in_congress.rules import Parsed

Step = dict[str, Any]


class Explanation:
    def __init__(self, evaluation: Evaluation) -> None:
        self.evaluation = evaluation
        self.explained: set[tuple[str, str]] = set()

    def table(self, policy: str, table: str) -> list[Step]:
        """For each row, why it is there; for an empty table, what its rules do not find."""
        rules = self.rules(policy, table)
        heads = {str(head): head for rule in rules for head in self.instances(policy, rule)}
        if not heads:
            return [self.empty(policy, rule) for rule in rules if rule.body()]
        return [self.row(policy, heads[text]) for text in sorted(heads)]

    def rules(self, policy: str, table: str) -> list[Parsed]:
        every = self.evaluation.folder.rules[policy]
        return [rule for rule in every for head in rule.heads() if name(head) == table]

    def instances(self, policy: str, rule: Parsed) -> list[Any]:
        """The heads that a rule gives."""
        head = rule.heads()[0]
        if not rule.body():
            return [head]
        variables = sorted(head.variables(), key=str)
        rows = self.evaluation.solutions(policy, variables, rule.body())
        return [head.plug(dict(zip(variables, row, strict=True))) for row in rows]

    def row(self, policy: str, head: Any) -> Step:
        step: Step = {"row": literal_text(head), "steps": []}
        rules = [(rule, match(rule.heads()[0], head)) for rule in self.rules(policy, name(head))]
        if any(binding is not None and not rule.body() for rule, binding in rules):
            return {**step, "note": "a fact of the policy"}
        if (policy, step["row"]) in self.explained:
            return {**step, "note": "as above"}
        self.explained.add((policy, step["row"]))
        for rule, binding in rules:
            if binding is not None:
                step["steps"] += self.because(policy, rule, binding)
        return step

    def because(self, policy: str, rule: Parsed, binding: dict[Any, Any]) -> list[Step]:
        """The first way in which the rule finds the row, and the number of other ways."""
        body = [one.plug(binding) for one in rule.body()]
        free = sorted(set().union(*(one.variables() for one in body)), key=str)
        ways = sorted(self.evaluation.solutions(policy, free, body), key=repr)
        if not ways:
            return []
        rest = dict(zip(free, ways[0], strict=True))
        steps = [self.literal(policy, one.plug(rest)) for one in body]
        return [{"rule": rule.position, "policy": policy, "others": len(ways) - 1, "steps": steps}]

    def literal(self, policy: str, one: Any) -> Step:
        service = one.table.service or policy
        if one.is_builtin():
            return {"row": literal_text(one), "note": "builtin", "steps": []}
        if one.is_negated():
            return {"row": literal_text(one), "note": "there is no such row", "steps": []}
        if service in self.evaluation.folder.rules:
            return self.row(service, one)
        return {"row": self.columns(one), "note": "given", "steps": []}

    def columns(self, one: Any) -> str:
        """A datasource's table with its column names, without columns that are empty or not asked for."""
        names = self.evaluation.folder.names.columns(one.table.service, one.table.table)
        pairs = zip(names, one.arguments, strict=True)
        values = ", ".join(f"{column}={value(term)}" for column, term in pairs if not nothing(term))
        return f"{'not ' if one.is_negated() else ''}{one.table}({values})"

    def shown(self, policy: str, one: Any) -> str:
        service = one.table.service or policy
        return (
            literal_text(one)
            if service in self.evaluation.folder.rules or one.is_builtin()
            else self.columns(one)
        )

    def empty(self, policy: str, rule: Parsed) -> Step:
        """The first table of a rule's body that has no row which fits the rows of the tables before it."""
        body, step = rule.body(), {"rule": rule.position, "policy": policy}
        for count in range(1, len(body) + 1):
            variables = sorted(set().union(*(one.variables() for one in body[:count])), key=str)
            if not self.evaluation.solutions(policy, variables, body[:count]):
                break
        one = body[count - 1]
        service = one.table.service or policy
        below = (
            []
            if one.is_negated() or service not in self.evaluation.folder.rules
            else self.table(service, name(one))
        )
        return {
            **step,
            "fails": self.shown(policy, one),
            "before": count - 1,
            "below": [cause for cause in below if "fails" in cause],
        }


def name(head: Any) -> str:
    """A table's name within its policy. All actions belong to the table `execute`."""
    return "execute" if head.table.modal else str(head.table.table)


def value(term: Any) -> str:
    return str(term.name) if term.is_variable() else repr(term.name)


def nothing(term: Any) -> bool:
    """Whether a row has no value for a column, or a rule does not name it: Congress then calls it x_0, x_1, ..."""
    return bool(re.fullmatch(r"x_+\d+", term.name) if term.is_variable() else term.name == "None")


def literal_text(one: Any) -> str:
    text = f"{one.table.name()}({', '.join(map(value, one.arguments))})"
    return f"{'not ' if one.is_negated() else ''}{f'{one.table.modal}[{text}]' if one.table.modal else text}"


def match(head: Any, row: Any) -> dict[Any, Any] | None:
    """The values of the head's variables that turn the head into the row, if there are any."""
    if str(head.table.table) != str(row.table.table) or len(head.arguments) != len(row.arguments):
        return None
    binding: dict[Any, Any] = {}
    for term, value in zip(head.arguments, row.arguments, strict=True):
        if term.is_variable():
            if binding.setdefault(term, value.name) != value.name:
                return None
        elif term != compile.Term.create_from_python(value.name):
            return None
    return binding
