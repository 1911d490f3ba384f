"""What a folder's policies find in given rows, with the evaluator that engines on hosts use."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

from congress import utils
from congress.datalog import compile  # noqa: A004  Congress's name
from congress.exception import CongressException
from congress_runtime.patches.evaluation import Query
from congress_runtime.patches.evaluation_plan import NotPlannable
from congress_runtime.patches.evaluation_triggers import Contents

from policy_code.in_congress.cases import action, split
from policy_code.in_congress.folder import Folder

Row = tuple[Any, ...]


def as_written(row: Iterable[Any]) -> Row:
    """The row of a fact, which keeps its texts. In rows of datasources, Congress drops what is not ASCII."""
    return tuple(one if isinstance(one, str) else utils.value_to_congress(one) for one in row)


class Evaluation:
    """Evaluates one case after another. Each case begins with its own rows only."""

    def __init__(self, folder: Folder) -> None:
        self.folder, self.runtime = folder, folder.runtime
        self.filled: set[tuple[str, str]] = set()

    def fill(self, given: dict[str, list[Any]]) -> None:
        """Insert rows as an engine does when a datasource publishes them. A column that is not given is None, as from a
        driver; Congress turns it into the text 'None'.
        """
        for service, table in self.filled:
            self.runtime.initialize_tables([table], [], target=service)
        self.filled.clear()
        self.put(given)

    def put(self, given: Mapping[str, Iterable[Any]]) -> None:
        for name, rows in given.items():
            service, _, table = name.partition(":")
            columns = self.folder.names.columns(service, table)
            whole = (
                [row.get(column) for column in columns] if isinstance(row, dict) else row for row in rows
            )
            facts = [compile.Fact(table, utils.tuple_to_congress(row)) for row in whole]
            self.runtime.initialize_tables([table], facts, target=service)
            self.filled.add((service, table))

    def rows(self, policy: str, table: str) -> set[Row]:
        return {tuple(row["data"]) for row in self.runtime.get_row_data(table, policy)}

    def actions(self, policy: str) -> set[str]:
        """The actions that the policy executes: the rows of its action tables, as an engine's trigger finds them."""
        tables = {
            f"{head.table.service}:{head.table.table}" for head in self.heads(policy) if head.table.modal
        }
        executed: set[str] = set()
        for table in tables:
            for literal in Contents(self.runtime, (table, policy, "execute")).evaluate():
                executed.add(shown(table, literal.argument_names()))
        return executed

    def heads(self, policy: str) -> list[Any]:
        return [head for rule in self.folder.rules[policy] for head in rule.heads()]

    def solutions(self, policy: str, variables: list[Any], literals: list[Any]) -> list[Row]:
        """All distinct values of the variables for which the literals hold."""
        theory = self.runtime.theory[policy]
        try:
            return list(Query(theory, variables, literals, pauses=True).answers())
        except NotPlannable:
            results = theory.top_down_abduction(variables, literals)
        return list(
            {tuple(result.binding[variable].name for variable in variables): None for result in results}
        )

    def measure(self, policy: str) -> list[dict[str, Any]]:
        """For each rule with a body: what it finds, and how long that takes."""
        measured = []
        for rule in self.folder.rules[policy]:
            if rule.body():
                variables = sorted(set().union(*(one.variables() for one in rule.body())), key=str)
                begin = time.perf_counter()
                rows = self.solutions(policy, variables, rule.body())
                seconds = time.perf_counter() - begin
                measured.append({"rule": rule.position, "rows": len(rows), "seconds": seconds})
        return measured

    def case(self, policy: str, case: dict[str, Any]) -> dict[str, Any]:
        """The difference of each table to what is expected, or the evaluator's error."""
        begin = time.perf_counter()
        answer: dict[str, Any] = {"tables": [], "rules": [], "error": None}
        try:
            self.fill(case["given"])
            for table, rows in case["expect"].items():
                found = self.rows(*split(policy, table))
                wanted = {
                    row if (row := as_written(one)) in found else utils.tuple_to_congress(one) for one in rows
                }
                answer["tables"].append(difference(table, wanted, found))
            actions = {
                shown(f"{one.table.service}:{one.table.table}", one.argument_names())
                for one in wanted_actions(case)
            }
            answer["tables"].append(difference("execute", actions, self.actions(policy)))
            answer["seconds"] = time.perf_counter() - begin
            answer["rules"] = self.measure(policy)
        except (CongressException, RecursionError) as error:
            answer["error"] = str(error)
            answer.setdefault("seconds", time.perf_counter() - begin)
        return answer


def wanted_actions(case: dict[str, Any]) -> list[Any]:
    return [action(text) for text in case["execute"]]


def shown(table: str, values: Row) -> str:
    return f"{table}({', '.join(map(repr, values))})"


def difference(table: str, wanted: set[Any], actual: set[Any]) -> dict[str, Any]:
    def rows(some: set[Any]) -> list[str]:
        return sorted(one if isinstance(one, str) else f"({', '.join(map(repr, one))})" for one in some)

    return {
        "table": table,
        "missing": rows(wanted - actual),
        "unexpected": rows(actual - wanted),
        "same": len(wanted & actual),
    }
