"""Let a policy engine evaluate policies over many rows, and do other things meanwhile.

Upstream each row that is looked at becomes a Rule of objects with a uuid, is written into texts that nobody reads and
thrown away: a filter over 100,000 rows takes half a minute without an answer to anybody. Here it is looked at as it
is (patches.evaluation_rows) by a plan of the query (patches.evaluation_plan), with pauses and a limit
(patches.evaluation_pace). What no plan can tell upstream answers as before. Triggers: patches.evaluation_triggers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from congress.common import config  # noqa: F401  registers options that are read by what follows
from congress.datalog import compile, factset  # noqa: A004  Congress's name
from congress.datalog.topdown import TopDownTheory
from congress.policy_engines.agnostic import Runtime
from congress_runtime.patches.evaluation_pace import Pace
from congress_runtime.patches.evaluation_plan import QUERY, Planner, Unplanned
from congress_runtime.patches.evaluation_rows import FactSet, Row
from congress_runtime.patches.evaluation_steps import novel
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
    # congress.harness has each row that is looked at written for debugging ("should take this out for production").
    Runtime.debug_mode = Runtime.production_mode


class Question:
    """What is asked of the rows and rules of this moment; it may be answered later."""

    def __init__(self, theory: Any, wanted: list[Any], literals: list[Any], *, pauses: bool = False) -> None:
        subject = ", ".join(f"{literal.tablename(theory.name)}" for literal in literals) or theory.name
        self.pace = Pace(subject, pauses=pauses)
        self.planner = Planner(self.pace)
        try:
            self.rows = self.planner.rows(theory, wanted, literals)
        except BaseException:
            self.planner.release()
            raise

    def answers(self, *, find_all: bool = True) -> Iterator[Row]:
        """All different values of the variables; to be used up, with pauses between them."""
        found: dict[Any, Row] = {}
        try:
            with self.pace:
                for row in self.rows:
                    if novel(found, row):
                        self.pace.count(len(found), QUERY)
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
    wanted, term = list(variables), compile.Term.create_from_python
    if binding is None and save is None:
        try:
            question = Question(self, wanted, list(literals))
        except Unplanned:
            pass
        else:
            rows = question.answers(find_all=find_all)
            bindings = [dict(zip(wanted, map(term, row), strict=True)) for row in rows]
            return [self.TopDownResult(binding, []) for binding in bindings]
    return limited(self, variables, literals, binding, find_all, save)


def limited(self: Any, variables: Any, literals: Any, *words: Any) -> list[Any]:
    """Upstream's evaluator, not for too long; it never waits, so that only one is at work."""
    with Pace(", ".join(literal.tablename(self.name) for literal in literals), pauses=False) as pace:

        def note(theory: Any, literal: Any, binding: Any, depth: int, message: str) -> None:
            pace(QUERY)
            upstream_note(theory, literal, binding, depth, message)

        TopDownTheory._print_note = note  # noqa: SLF001
        try:
            return upstream_abduction(self, variables, literals, *words)  # type: ignore[no-any-return]
        finally:
            TopDownTheory._print_note = upstream_note  # noqa: SLF001


def select(self: Any, query: Any, find_all: bool = True) -> list[Any]:  # noqa: FBT001, FBT002  upstream's
    if compile.is_atom(query):
        try:
            question = Question(self, query.arguments, [query])
        except Unplanned:
            pass
        else:
            return list(instances(query, question.answers(find_all=find_all)))
    return upstream_select(self, query, find_all)  # type: ignore[no-any-return]


def instances(query: Any, rows: Iterable[Row]) -> Iterator[Any]:
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
                question = Question(self.get_target(source_id), query.arguments, [query], pauses=True)
            except Unplanned:
                pass
            else:
                return [{"data": list(row)} for row in question.answers()]
    return upstream_row_data(self, table_id, source_id, trace)
