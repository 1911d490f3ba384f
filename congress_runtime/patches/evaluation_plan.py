"""Plans a query: each rule becomes a chain of generators over plain rows. Each evaluation gets its own plan.

After upstream's evaluator has proved a literal that is not negated, all variables of the literal are bound. So the
rules alone determine which arguments of a literal are bound when it is evaluated. The planner derives from this, before
the evaluation, the indexes and the order of the literals: filters as soon as their inputs are bound, then the literal
with the fewest expected rows. A table that rules define is evaluated for the bound arguments, as upstream does, but
each combination of their values only once, and without the columns that nothing uses.

A plan holds the rows and the rules of the moment at which it was created. Upstream evaluates what cannot be planned (a
variable that stays unbound, a theory of another kind, a trace): NotPlannable.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Any

from congress.datalog import builtin, nonrecursive
from congress_runtime.patches.evaluation_rows import Row, Rows, same
from congress_runtime.patches.evaluation_steps import (
    Body,
    Key,
    Pace,
    Step,
    add_if_new,
    builtin_call,
    exact_key,
    getter,
    negation,
    relation_lookup,
    table_lookup,
)

KINDS = (nonrecursive.NonrecursiveRuleTheory, nonrecursive.DatasourcePolicyTheory, nonrecursive.ActionTheory)
# One evaluation caches this many rows of results; it evaluates further combinations of values each time.
MAX_CACHED_ROWS = 1_000_000
QUERY = "the query"
BOUND, OUTPUT, UNUSED = "bound", "output", "unused"


class NotPlannable(Exception):  # noqa: N818  not an error
    """Upstream's evaluator has to answer the query."""


class Relation:
    """A table of which some arguments are bound: maps their values to all distinct values of the output arguments.

    `uses`: BOUND, OUTPUT or UNUSED for each argument.
    """

    def __init__(self, planner: Planner, uses: tuple[str, ...]) -> None:
        self.planner, self.uses = planner, uses
        self.rules: list[tuple[list[tuple[int, Any]], Callable[[list[Any]], Row], Body]] = []
        self.facts: Rows | None = None
        self.cost = self.row_estimate = 1.0
        self.cache: dict[Any, list[Row]] = {}

    def select(self, use: str, row: Iterable[Any]) -> list[Any]:
        """The elements of `row` whose argument has this use."""
        return [value for value, its_use in zip(row, self.uses, strict=True) if its_use is use]

    def add(self, head: Any, body: Body) -> None:
        bound = [(body.slot(term), term) for term in self.select(BOUND, head.arguments)]
        output = getter([body.slot(term) for term in self.select(OUTPUT, head.arguments)])
        self.rules.append((bound, output, body))
        self.cost += body.cost
        self.row_estimate += body.row_estimate

    def lookup(self, key: Key) -> Iterable[Row]:
        """The output values for the bound values `key`, from the rules or the cache."""
        cache_key = exact_key(key)
        rows = self.cache.get(cache_key)
        if rows is not None:
            return rows
        if OUTPUT in self.uses:
            return self.distinct_rows(key, cache_key)
        rows = [row for row in (next(self.from_rules(key), None),) if row is not None]
        return self.store(cache_key, rows)

    def distinct_rows(self, key: Key, cache_key: Any) -> Iterator[Row]:
        distinct: dict[Any, Row] = {}
        room = MAX_CACHED_ROWS - self.planner.cached_rows
        for row in self.from_rules(key):
            if len(distinct) >= room or add_if_new(distinct, row):
                yield row
        self.store(cache_key, list(distinct.values()))

    def store(self, cache_key: Any, rows: list[Row]) -> list[Row]:
        self.planner.cached_rows += len(rows) + 1
        if self.planner.cached_rows < MAX_CACHED_ROWS:
            self.cache[cache_key] = rows
        return rows

    def from_rules(self, key: Key) -> Iterator[Row]:
        for bound, output, body in self.rules:
            frame = body.frame.copy()
            given: dict[int, Any] = {}
            for (slot, term), value in zip(bound, key, strict=True):
                if not same(given.setdefault(slot, value if term.is_variable() else term.name), value):
                    break
                frame[slot] = value
            else:
                yield from map(output, body.run(frame))


class Planner:
    def __init__(self, pace: Pace) -> None:
        self.pace = pace
        self.relations: dict[tuple[Any, ...], Relation | None] = {}
        self.held: dict[int, Rows] = {}
        self.cached_rows = 0

    def hold(self, rows: Rows) -> Rows:
        if id(rows) not in self.held:
            self.held[id(rows)] = rows
            rows.holders += 1
        return rows

    def release(self) -> None:
        for rows in self.held.values():
            rows.holders -= 1
        self.held.clear()
        self.relations.clear()  # its reference cycles would keep all cached rows until the next garbage collection

    def rows(self, theory: Any, output: list[Any], literals: list[Any]) -> Iterator[Row]:
        """Values of the terms `output` for which the literals hold. Rows may repeat."""
        different = len({term.name for term in output if term.is_variable()}) == len(output)
        if different and [literal.arguments for literal in literals] == [output] and is_table(literals[0]):
            return self.table(theory, literals[0])
        body = self.body(theory, literals, (), output, QUERY)
        return map(getter([body.slot(term) for term in output]), body.run(body.frame))

    def table(self, theory: Any, literal: Any) -> Iterator[Row]:
        relation = self.relation(theory, literal, Body("", set()))
        facts = relation.facts.facts if relation.facts else ()
        return chain((row for row in facts if len(row) == len(literal.arguments)), relation.from_rules(()))

    def theory(self, theory: Any, literal: Any) -> Any:
        """The theory in which upstream evaluates the literal, None for an unknown policy."""
        table = literal.table
        elsewhere = (
            table.service not in (None, theory.name) and table.modal is None and not literal.is_update()
        )
        if theory.theories is not None and elsewhere:
            theory = theory.theories.get(table.service)
            if theory is None:
                return None
            if theory.name != table.service:
                raise NotPlannable
        if type(theory) not in KINDS or theory.includes or theory.tracer.expressions:
            raise NotPlannable
        return theory

    def body(
        self, theory: Any, literals: list[Any], bound: Iterable[Any], output: Iterable[Any], label: str
    ) -> Body:
        terms = [*bound, *output, *(term for literal in literals for term in literal.arguments)]
        uses = Counter(term.name for term in terms if term.is_variable())
        body = Body(label, {name for name, times in uses.items() if times == 1})
        body.bind(bound)
        waiting = list(literals)
        while waiting:
            literal = next((literal for literal in waiting if filters(literal, body)), None)
            if literal is None:
                literal = self.cheapest(theory, waiting, body)
            # By identity and not by equality: a rule may contain the same literal twice.
            waiting = [other for other in waiting if other is not literal]
            step, row_estimate = self.step(theory, body, literal)
            body.add(step, row_estimate)
            body.bind(() if literal.is_negated() else literal.arguments)
        if any(term.is_variable() and term.name not in body.bound for term in output):
            raise NotPlannable
        return body

    def cheapest(self, theory: Any, waiting: list[Any], body: Body) -> Any:
        costs: list[tuple[float, int]] = []
        for number, literal in enumerate(waiting):
            if not is_table(literal):
                continue
            try:
                costs.append((self.relation(theory, literal, body).cost, number))
            except NotPlannable:
                continue
        if not costs:
            raise NotPlannable
        return waiting[min(costs)[1]]

    def step(self, theory: Any, body: Body, literal: Any) -> tuple[Step, float]:
        if literal.is_negated():
            inner = self.body(theory, [literal.complement()], literal.arguments, (), body.label)
            return negation(body, inner, literal, self.pace), 1.0
        if literal.tablename() == "true":
            return (lambda frames: frames), 1.0
        if literal.tablename() == "false":
            return (lambda _: iter(())), 1.0
        if literal.is_builtin():
            return builtin_call(body, literal, self.pace), 1.0
        relation = self.relation(theory, literal, body)
        from_facts: Step = lambda _: iter(())  # noqa: E731
        if relation.facts:
            from_facts = table_lookup(body, literal, relation.facts, self.pace)
        if not relation.rules:
            return from_facts, relation.row_estimate
        slots = [body.slot(term) for term in literal.arguments]
        key, output = getter(relation.select(BOUND, slots)), relation.select(OUTPUT, slots)
        step = relation_lookup(from_facts, relation.lookup, key, output, pace=self.pace, label=body.label)
        return step, relation.row_estimate

    def relation(self, theory: Any, literal: Any, body: Body) -> Relation:
        theory = self.theory(theory, literal)
        uses = tuple(
            BOUND if body.is_bound(term) else UNUSED if term.name in body.unused else OUTPUT
            for term in literal.arguments
        )
        name = (theory and theory.name, literal.table, uses)
        if name not in self.relations:
            self.relations[name] = None  # while it is planned: a recursive rule finds None
            self.relations[name] = self.plan_relation(theory, literal.table, uses)
        relation = self.relations[name]
        if relation is None:
            raise NotPlannable
        return relation

    def plan_relation(self, theory: Any, table: Any, uses: tuple[str, ...]) -> Relation:
        relation = Relation(self, uses)
        if theory is None:
            return relation
        facts = theory.rules.facts.get(table.table)
        if facts and table.modal is None and table.service in (None, theory.name):
            relation.facts = self.hold(facts.rows)
            columns = tuple(column for column, use in enumerate(uses) if use is BOUND)
            relation.cost = relation.row_estimate = relation.facts.estimate(columns)
        for rule in theory.rules.rules.get(table.table, ()):
            if rule.head.table.same(table, theory.name) and len(rule.head.arguments) == len(uses):
                bound, output = (relation.select(use, rule.head.arguments) for use in (BOUND, OUTPUT))
                body = self.body(theory, rule.body, bound, output, rule.original_str or str(rule))
                relation.add(rule.head, body)
        return relation


def filters(literal: Any, body: Body) -> bool:
    """Whether the literal can be evaluated now and matches at most one row."""
    if literal.is_negated():
        return all(map(body.is_bound, literal.arguments))
    if literal.is_builtin():
        inputs = builtin.builtin_registry.builtin(literal.table).num_inputs
        return all(map(body.is_bound, literal.arguments[:inputs]))
    return literal.tablename() in ("true", "false")


def is_table(literal: Any) -> bool:
    return not (literal.is_negated() or literal.is_builtin() or literal.tablename() in ("true", "false"))
