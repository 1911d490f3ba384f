"""Let a policy engine evaluate policies over many rows and serve requests meanwhile.

Upstream turns each row that it reads into a Rule object with a uuid and formats debug messages that nobody reads. A
filter over 100,000 rows takes half a minute, during which the engine answers nobody. Here, a plan of the query
(patches.evaluation_plan) reads plain rows (patches.evaluation_rows), with pauses and a time limit
(patches.evaluation_pace). Upstream's evaluator answers the queries that cannot be planned. Triggers are in
patches.evaluation_triggers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from congress.common import config  # noqa: F401  registers options that are read by what follows
from congress.datalog import compile, factset  # noqa: A004  Congress's name
from congress.datalog.topdown import TopDownTheory
from congress.policy_engines.agnostic import Runtime
from congress_runtime.patches.evaluation_pace import Pace
from congress_runtime.patches.evaluation_plan import QUERY, NotPlannable, Planner
from congress_runtime.patches.evaluation_rows import FactSet, Row
from congress_runtime.patches.evaluation_steps import add_if_new
from oslo_config import cfg

upstream_abduction = TopDownTheory.top_down_abduction
upstream_select = TopDownTheory.select
upstream_note = TopDownTheory._print_note  # noqa: SLF001  called for each row that upstream's evaluator looks at
upstream_row_data = Runtime.get_row_data


OPTIONS = [
    cfg.IntOpt(
        "limit", default=60, min=1, help="Seconds after which the evaluation of a policy ends with an error."
    )
]


def apply() -> None:
    cfg.CONF.register_opts(OPTIONS, group="evaluation")
    Pace.limit = cfg.CONF.evaluation.limit
    factset.FactSet = FactSet
    TopDownTheory.top_down_abduction = top_down_abduction
    TopDownTheory.select = select
    Runtime.get_row_data = get_row_data
    # congress.harness switches on debug messages for each row ("should take this out for production").
    Runtime.debug_mode = Runtime.production_mode


class Query:
    """A query over the rows and rules of the moment at which it is created; `answers` may be called later.

    `variables`: the terms whose values are returned. `literals`: what must hold. Raises NotPlannable.
    """

    def __init__(
        self, theory: Any, variables: list[Any], literals: list[Any], *, pauses: bool = False
    ) -> None:
        subject = ", ".join(f"{literal.tablename(theory.name)}" for literal in literals) or theory.name
        self.pace = Pace(subject, pauses=pauses)
        self.planner = Planner(self.pace)
        try:
            self.rows = self.planner.rows(theory, variables, literals)
        except BaseException:
            self.planner.release()
            raise

    def answers(self, *, find_all: bool = True) -> Iterator[Row]:
        """Yield all distinct values of the variables, one tuple each. The caller must exhaust the iterator.

        Raises PolicyRuntimeException at the limits of Pace.
        """
        distinct: dict[Any, Row] = {}
        try:
            with self.pace:
                for row in self.rows:
                    if add_if_new(distinct, row):
                        self.pace.check_count(len(distinct), QUERY)
                        self.pace(QUERY)
                        yield row
                        if not find_all:
                            break
        finally:
            self.planner.release()


def top_down_abduction(  # noqa: PLR0917
    self: Any,
    variables: Iterable[Any],
    literals: Iterable[Any],
    binding: Any = None,
    find_all: bool = True,  # noqa: FBT001, FBT002  upstream's
    save: Any = None,
) -> list[Any]:
    terms, term = list(variables), compile.Term.create_from_python
    if binding is None and save is None:
        try:
            query = Query(self, terms, list(literals))
        except NotPlannable:
            pass
        else:
            rows = query.answers(find_all=find_all)
            bindings = [dict(zip(terms, map(term, row), strict=True)) for row in rows]
            return [self.TopDownResult(binding, []) for binding in bindings]
    return abduction_with_limit(self, variables, literals, binding, find_all, save)


def abduction_with_limit(self: Any, variables: Any, literals: Any, *arguments: Any) -> list[Any]:
    """Upstream's evaluator with a time limit. It never pauses, so only one evaluation runs at a time."""
    with Pace(", ".join(literal.tablename(self.name) for literal in literals), pauses=False) as pace:

        def note(theory: Any, literal: Any, binding: Any, depth: int, message: str) -> None:
            pace(QUERY)
            upstream_note(theory, literal, binding, depth, message)

        TopDownTheory._print_note = note  # noqa: SLF001
        try:
            return upstream_abduction(self, variables, literals, *arguments)  # type: ignore[no-any-return]
        finally:
            TopDownTheory._print_note = upstream_note  # noqa: SLF001


def select(self: Any, query: Any, find_all: bool = True) -> list[Any]:  # noqa: FBT001, FBT002  upstream's
    if compile.is_atom(query):
        try:
            planned = Query(self, query.arguments, [query])
        except NotPlannable:
            pass
        else:
            return list(instances(query, planned.answers(find_all=find_all)))
    return upstream_select(self, query, find_all)  # type: ignore[no-any-return]


def instances(query: Any, rows: Iterable[Row]) -> Iterator[Any]:
    """The query with the values of each row as arguments, as `query.plug` returns it, but with fewer copies."""
    term, atom = compile.Term.create_from_python, compile.Literal
    shared = {name: getattr(query, name) for name in atom.__slots__ if name not in ("arguments", "_hash")}
    for row in rows:
        instance = atom.__new__(atom)
        for name, value in shared.items():
            setattr(instance, name, value)
        instance.arguments, instance._hash = list(map(term, row)), None  # noqa: SLF001
        yield instance


def get_row_data(self: Any, table_id: str, source_id: str, trace: bool = False) -> Any:  # noqa: FBT001, FBT002
    """Upstream's function without an object for each value."""
    if not trace and self.get_tablename(source_id, table_id):
        queries = self.table_contents_queries(table_id, source_id)
        if queries is not None:
            query = self.parse1(queries[0])
            try:
                planned = Query(self.get_target(source_id), query.arguments, [query], pauses=True)
            except NotPlannable:
                pass
            else:
                return [{"data": list(row)} for row in planned.answers()]
    return upstream_row_data(self, table_id, source_id, trace)
