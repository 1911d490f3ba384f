"""A whole folder as Congress's engine loads it: datasources with their drivers' tables, policies with their rules."""

from __future__ import annotations

from typing import Any

from congress.datalog import compile  # noqa: A004  Congress's name
from congress.exception import CongressException
from congress.policy_engines.agnostic import Runtime

from policy_code.in_congress import cases, drivers, rules
from policy_code.in_congress.recursion import recursions, too_deep
from policy_code.in_congress.rules import Names, Parsed


class Folder:
    """`request`: datasources, policies and cases as the front end read them.
    `problems`: (kind, position, where, text).

    Without problems, and with nothing unread, `runtime` has all rules, and no rows.
    """

    def __init__(self, request: dict[str, Any]) -> None:
        self.request = request
        self.problems: list[tuple[str, int, list[Any], str]] = []
        self.runtime = Runtime()
        self.rules: dict[str, list[Parsed]] = {}
        # (policy, formula) -> position of the first rule.
        self.loaded: dict[tuple[str, Any], int] = {}
        self.names = Names({}, set(), unread={*request["unread"]})
        self.declare_datasources()
        self.declare_policies()
        for position, one in enumerate(request["cases"]):
            for where, text in cases.check(self.names, one["policy"], one["cases"]):
                self.wrong("cases", position, where, text)
        # Rules may name columns of a datasource whose file could not be read.
        if not self.problems and not request["unread"]:
            self.load()

    def wrong(self, kind: str, position: int, where: list[Any], text: str) -> None:
        self.problems.append((kind, position, where, text))

    def declare_datasources(self) -> None:
        for position, declared in enumerate(self.request["datasources"]):
            for where, text in drivers.check(declared):
                self.wrong("datasources", position, where, text)
            name, plugin = declared["name"], drivers.plugin(declared["driver"])
            self.names.schemas[name] = drivers.schema(plugin) if plugin else None
            if plugin and drivers.executes(plugin):
                self.names.executing.add(name)

    def declare_policies(self) -> None:
        policies = self.request["policies"]
        for position, policy in enumerate(policies):
            if not compile.string_is_servicename(policy["name"]):
                text = f"name: {policy['name']} is a word of the rules' language: choose another name"
                self.wrong("policies", position, ["name"], text)
            self.parse(position, policy)
        every = [(policy["name"], rule) for policy in policies for rule in self.rules[policy["name"]]]
        positions = {
            id(rule): position
            for position, policy in enumerate(policies)
            for rule in self.rules[policy["name"]]
        }
        for position, policy in enumerate(policies):
            for rule in self.rules[policy["name"]]:
                for text in dict.fromkeys(rules.check(self.names, policy["name"], policy["kind"], rule)):
                    self.wrong("policies", position, rule.where, f"rules[{rule.position}]: {text}")
        for rule, text in [*recursions(every), *too_deep(every)]:
            self.wrong("policies", positions[id(rule)], rule.where, f"rules[{rule.position}]: {text}")

    def parse(self, position: int, policy: dict[str, Any]) -> None:
        name = policy["name"]
        self.names.defined[name] = {}
        parsed: list[Parsed] = self.rules.setdefault(name, [])
        same: dict[Any, int] = {}
        for number, text in enumerate(policy["rules"]):
            try:
                rule = Parsed(number, text, rules.parse(text))
            except ValueError as error:
                self.names.broken.add(name)
                self.wrong("policies", position, ["rules", number, "rule"], f"rules[{number}] {error}")
                continue
            parsed.append(rule)
            for problem in rules.define(self.names, name, rule):
                self.wrong("policies", position, rule.where, f"rules[{number}]: {problem}")
            first = same.setdefault(str(rule.formula), number)
            if first != number:
                self.wrong(
                    "policies",
                    position,
                    rule.where,
                    f"rules[{number}] is the same as rules[{first}]: remove it",
                )

    def require_another(self, position: int, policy: str, rule: Parsed) -> None:
        """Congress compares rules by the places of columns, and without regard to the order of their conditions."""
        first = self.loaded.setdefault((policy, rule.formula), rule.position)
        if first != rule.position:
            problem = f"rules[{rule.position}] is for Congress the same as rules[{first}]: remove it"
            self.wrong("policies", position, rule.where, problem)

    def load(self) -> None:
        """Load all rules at once, so their order does not matter. If Congress refuses one, the checks missed it."""
        for name, schema in self.names.schemas.items():
            self.runtime.initialize_datasource(name, schema)
        for policy in self.request["policies"]:
            self.runtime.create_policy(policy["name"], abbr=policy["abbreviation"], kind=policy["kind"])
        for position, policy in enumerate(self.request["policies"]):
            for rule in self.rules[policy["name"]]:
                try:
                    formula = rule.formula.eliminate_column_references_and_pad_positional(
                        self.runtime.theory, default_theory=policy["name"]
                    )
                    formula.set_original_str(rule.text)
                    rule.formula = compile.reorder_for_safety(formula)
                    self.require_another(position, policy["name"], rule)
                except CongressException as error:
                    self.wrong("policies", position, rule.where, f"rules[{rule.position}]: {error}")
        events = [
            compile.Event(rule.formula, target=name) for name, parsed in self.rules.items() for rule in parsed
        ]
        permitted, errors = self.runtime.update(events)
        if not permitted:
            self.wrong("policies", 0, [], "; ".join(map(str, errors)))
