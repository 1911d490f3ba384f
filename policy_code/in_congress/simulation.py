"""What an `up` would change with the rows that datasources have now: violations that appear or vanish, and actions.

The evaluator of an engine carries out the plan of `up` step by step. After each step, the actions that were not there
before the step are those that engines execute. So a rule that is deleted and inserted again executes its actions again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from congress.datalog import compile  # noqa: A004  Congress's name
from congress_runtime.patches.evaluation_triggers import Contents

from policy_code.in_congress.evaluation import Evaluation, shown
from policy_code.in_congress.folder import Folder
from policy_code.plan import Action, Declaration, plan

VIOLATIONS = ("error", "warning")
Given = dict[str, list[Any]]


def reads(*folders: Folder) -> list[str]:
    """The tables of datasources that rules of any of them read, as DATASOURCE:TABLE."""
    tables = {
        f"{one.table.service}:{one.table.table}"
        for folder in folders
        for parsed in folder.rules.values()
        for rule in parsed
        for one in rule.body()
        if one.table.service in folder.names.schemas
    }
    return sorted(tables)


def executing(folder: Folder) -> list[str]:
    """Names of the policies that execute actions."""
    rules = folder.rules.items()
    return sorted(
        name for name, parsed in rules if any(head.table.modal for one in parsed for head in one.heads())
    )


class Simulation:
    """`before`, `after`: the folders as Congress loads them; `old`, `new`: their declarations. `given`: the rows of the
    datasources that Congress has; a datasource that it does not have yet has no rows.
    """

    def __init__(
        self, before: Folder, after: Folder, old: Declaration, new: Declaration, given: Given
    ) -> None:
        self.folders = {"before": before, "after": after}
        self.declared = {"before": old, "after": new}
        self.given = given
        self.runtime = before.runtime
        self.evaluation = Evaluation(before)
        self.evaluation.put(given)

    def of(self, datasource: str) -> dict[str, list[Any]]:
        return {table: rows for table, rows in self.given.items() if table.partition(":")[0] == datasource}

    def run(self) -> dict[str, Any]:
        before, actions = self.violations(), self.actions()
        executed = []
        for action in plan(self.declared["before"], self.declared["after"]):
            self.do(action)
            now = self.actions()
            executed += [[policy, one] for policy, one in sorted(now - actions)]
            actions = now
        after = self.violations()
        tables = [
            {"policy": policy, "table": table, **difference(before.get(key, set()), after.get(key, set()))}
            for key in sorted(before.keys() | after.keys())
            for policy, table in [key]
        ]
        return {"tables": tables, "executed": executed}

    def violations(self) -> dict[tuple[str, str], set[Any]]:
        return {
            (policy, table): self.evaluation.rows(policy, table)
            for policy in self.policies()
            for table in VIOLATIONS
            if table in self.runtime.get_tablenames(policy)
        }

    def actions(self) -> set[tuple[str, str]]:
        """(policy, action) for each action whose condition holds now."""
        return {
            (policy, shown(table, literal.argument_names()))
            for policy in self.policies()
            for table in self.tables_of_actions(policy)
            for literal in Contents(self.runtime, (table, policy, "execute")).evaluate()
        }

    def policies(self) -> Iterator[str]:
        names = dict.fromkeys([*self.folders["before"].rules, *self.folders["after"].rules])
        return (name for name in names if name in self.runtime.theory)

    def tables_of_actions(self, policy: str) -> set[str]:
        return {
            f"{head.table.service}:{head.table.table}"
            for folder in self.folders.values()
            for rule in folder.rules.get(policy, ())
            for head in rule.heads()
            if head.table.modal
        }

    def do(self, action: Action) -> None:
        match action.do, action.kind:
            case "delete", "rule":
                self.update("before", action.name, [action.rule], insert=False)
            case "create", "rule":
                self.update("after", action.name, [action.rule])
            case "delete", "policy":
                self.runtime.delete_policy(action.name)
            case "create", "policy":
                one = self.declared["after"]["policies"][action.name]
                self.runtime.create_policy(action.name, abbr=one["abbreviation"], kind=one["kind"])
                self.update("after", action.name, [*one["rules"]])
            case "delete", "datasource":
                self.evaluation.put({table: [] for table in self.of(action.name)})
            case "create", "datasource" if action.name in self.runtime.theory:
                self.evaluation.put(self.of(action.name))  # what it polls again
            case "create", "datasource":
                self.runtime.initialize_datasource(
                    action.name, self.folders["after"].names.schemas[action.name]
                )

    def update(self, moment: str, policy: str, keys: list[str], *, insert: bool = True) -> None:
        formulas = {
            key: rule.formula
            for key, rule in zip(
                self.declared[moment]["policies"][policy]["rules"],
                self.folders[moment].rules[policy],
                strict=True,
            )
        }
        events = [compile.Event(formulas[key], insert=insert, target=policy) for key in keys]
        permitted, changes = self.runtime.update(events)
        if not permitted or len(changes) != len(events):
            raise RuntimeError(f"{policy}: {len(changes)} of {len(events)} changes: {changes}")


def difference(before: set[Any], after: set[Any]) -> dict[str, Any]:
    appear, vanish = (sorted(map(text, some)) for some in (after - before, before - after))
    return {"appear": appear, "vanish": vanish, "same": len(before & after)}


def text(row: Any) -> str:
    return f"({', '.join(map(repr, row))})"
