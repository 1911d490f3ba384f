# ruff: noqa: INP001 (a module of Congress's virtual environment, not of this project)
"""Let a policy engine evaluate policies over many rows.

Upstream each row that is looked at becomes a Rule of objects with a uuid, is written into texts that nobody reads and
thrown away: a filter over 100,000 rows takes half a minute. Here it is looked at as it is (congress_evaluation_rows)
by a plan of the query (congress_evaluation_plan). What no plan can tell upstream answers as before.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from congress.datalog import compile, factset  # noqa: A004  Congress's name
from congress.datalog.topdown import TopDownTheory
from congress.policy_engines.agnostic import Runtime
from congress_evaluation_plan import Planner, Unplanned
from congress_evaluation_rows import FactSet, Row
from congress_evaluation_steps import novel

upstream_abduction = TopDownTheory.top_down_abduction
upstream_select = TopDownTheory.select
upstream_row_data = Runtime.get_row_data


def arm() -> None:
    factset.FactSet = FactSet
    TopDownTheory.top_down_abduction = top_down_abduction
    TopDownTheory.select = select
    Runtime.get_row_data = get_row_data


def answers(theory: Any, wanted: list[Any], literals: list[Any], *, find_all: bool = True) -> Iterable[Row]:
    """All different values of the variables `wanted` for which the literals hold."""
    planner = Planner(str)
    try:
        found: dict[Any, Row] = {}
        for row in planner.rows(theory, wanted, literals):
            if novel(found, row) and not find_all:
                break
    finally:
        planner.release()
    return found.values()


def top_down_abduction(  # noqa: PLR0917
    self: Any,
    variables: Iterable[Any],
    literals: Iterable[Any],
    binding: Any = None,
    find_all: bool = True,  # noqa: FBT001, FBT002  upstream's
    save: Any = None,
) -> list[Any]:
    wanted, term = list(variables), compile.Term.create_from_python
    if binding is None and save is None:
        try:
            rows = answers(self, wanted, list(literals), find_all=find_all)
        except Unplanned:
            pass
        else:
            bindings = [dict(zip(wanted, map(term, row), strict=True)) for row in rows]
            return [self.TopDownResult(binding, []) for binding in bindings]
    return upstream_abduction(self, variables, literals, binding, find_all, save)  # type: ignore[no-any-return]


def select(self: Any, query: Any, find_all: bool = True) -> list[Any]:  # noqa: FBT001, FBT002  upstream's
    if compile.is_atom(query):
        try:
            return list(instances(query, answers(self, query.arguments, [query], find_all=find_all)))
        except Unplanned:
            pass
    return upstream_select(self, query, find_all)  # type: ignore[no-any-return]


def instances(query: Any, rows: Iterable[Row]) -> Iterable[Any]:
    """The query with each row for its arguments: what `query.plug` makes, which copies much that does not change."""
    term, atom = compile.Term.create_from_python, compile.Literal
    same = {name: getattr(query, name) for name in atom.__slots__ if name not in ("arguments", "_hash")}
    for row in rows:
        instance = atom.__new__(atom)
        for name, value in same.items():
            setattr(instance, name, value)
        instance.arguments, instance._hash = list(map(term, row)), None  # noqa: SLF001
        yield instance


def get_row_data(self: Any, table_id: str, source_id: str, trace: bool = False) -> Any:  # noqa: FBT001, FBT002
    """As upstream, without an object for each value."""
    if not trace and self.get_tablename(source_id, table_id):
        queries = self.table_contents_queries(table_id, source_id)
        if queries is not None:
            query = self.parse1(queries[0])
            try:
                return [
                    {"data": list(row)}
                    for row in answers(self.get_target(source_id), query.arguments, [query])
                ]
            except Unplanned:
                pass
    return upstream_row_data(self, table_id, source_id, trace)
