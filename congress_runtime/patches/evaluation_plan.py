"""How a query is answered: each rule as a chain of generators over plain rows, made anew for each evaluation.

After upstream's evaluator has proved a literal that is not negated, all of its variables have values, so that which
of a literal's arguments are known when its turn comes depends on the rules alone. So it is found out beforehand, and
with it the indexes and the order: filters as soon as they can be asked, then the literal that finds fewest rows. A
table that rules define is asked as upstream does, with what is known of it, but no question is answered twice, and
not for columns that nobody uses.

A plan holds the rows and the rules of the moment at which it was made. What it cannot tell beforehand (a variable
without a value, a theory of another kind, a trace) it leaves to upstream: `Unplanned`.
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
    absent,
    computed,
    exact,
    getter,
    joined,
    looked_up,
    novel,
)

KINDS = (nonrecursive.NonrecursiveRuleTheory, nonrecursive.DatasourcePolicyTheory, nonrecursive.ActionTheory)
# Rows of answers that one evaluation remembers; from then on it asks anew.
MOST_REMEMBERED = 1_000_000
QUERY = "the query"
KNOWN, WANTED, UNUSED = "known", "wanted", "unused"


class Unplanned(Exception):  # noqa: N818  no error
    pass


class Relation:
    """A table some of whose arguments are known: their values -> all different values of those that are wanted."""

    def __init__(self, planner: Planner, uses: tuple[str, ...]) -> None:
        self.planner, self.uses = planner, uses
        self.rules: list[tuple[list[tuple[int, Any]], Callable[[list[Any]], Row], Body]] = []
        self.facts: Rows | None = None
        self.cost = self.found = 1.0
        self.answers: dict[Any, list[Row]] = {}

    def these(self, use: str, row: Iterable[Any]) -> list[Any]:
        return [value for value, its_use in zip(row, self.uses, strict=True) if its_use is use]

    def add(self, head: Any, body: Body) -> None:
        known = [(body.place(term), term) for term in self.these(KNOWN, head.arguments)]
        answer = getter([body.place(term) for term in self.these(WANTED, head.arguments)])
        self.rules.append((known, answer, body))
        self.cost += body.cost
        self.found += body.found

    def ask(self, key: Key) -> Iterable[Row]:
        exactly = exact(key)
        answer = self.answers.get(exactly)
        if answer is not None:
            return answer
        if WANTED in self.uses:
            return self.find(key, exactly)
        answer = [row for row in (next(self.by_rules(key), None),) if row is not None]
        return self.remember(exactly, answer)

    def find(self, key: Key, exactly: Any) -> Iterator[Row]:
        found: dict[Any, Row] = {}
        room = MOST_REMEMBERED - self.planner.remembered
        for row in self.by_rules(key):
            if len(found) >= room or novel(found, row):
                yield row
        self.remember(exactly, list(found.values()))

    def remember(self, exactly: Any, answer: list[Row]) -> list[Row]:
        self.planner.remembered += len(answer) + 1
        if self.planner.remembered < MOST_REMEMBERED:
            self.answers[exactly] = answer
        return answer

    def by_rules(self, key: Key) -> Iterator[Row]:
        for known, answer, body in self.rules:
            frame = body.frame.copy()
            given: dict[int, Any] = {}
            for (place, term), value in zip(known, key, strict=True):
                if not same(given.setdefault(place, value if term.is_variable() else term.name), value):
                    break
                frame[place] = value
            else:
                yield from map(answer, body.run(frame))


class Planner:
    def __init__(self, pace: Pace) -> None:
        self.pace = pace
        self.relations: dict[tuple[Any, ...], Relation | None] = {}
        self.held: dict[int, Rows] = {}
        self.remembered = 0

    def hold(self, rows: Rows) -> Rows:
        if id(rows) not in self.held:
            self.held[id(rows)] = rows
            rows.holders += 1
        return rows

    def release(self) -> None:
        for rows in self.held.values():
            rows.holders -= 1
        self.held.clear()
        self.relations.clear()  # or it would be kept, with all that it remembers, until the next garbage collection

    def rows(self, theory: Any, wanted: list[Any], literals: list[Any]) -> Iterator[Row]:
        """Values of the variables `wanted` for which the literals hold; some may come again."""
        different = len({term.name for term in wanted if term.is_variable()}) == len(wanted)
        if different and [literal.arguments for literal in literals] == [wanted] and is_table(literals[0]):
            return self.table(theory, literals[0])
        body = self.body(theory, literals, (), wanted, QUERY)
        return map(getter([body.place(term) for term in wanted]), body.run(body.frame))

    def table(self, theory: Any, literal: Any) -> Iterator[Row]:
        relation = self.relation(theory, literal, Body("", set()))
        facts = relation.facts.facts if relation.facts else ()
        return chain((row for row in facts if len(row) == len(literal.arguments)), relation.by_rules(()))

    def theory(self, theory: Any, literal: Any) -> Any:
        """Where upstream looks for the literal; None for an unknown policy."""
        table = literal.table
        elsewhere = (
            table.service not in (None, theory.name) and table.modal is None and not literal.is_update()
        )
        if theory.theories is not None and elsewhere:
            theory = theory.theories.get(table.service)
            if theory is None:
                return None
            if theory.name != table.service:
                raise Unplanned
        if type(theory) not in KINDS or theory.includes or theory.tracer.expressions:
            raise Unplanned
        return theory

    def body(
        self, theory: Any, literals: list[Any], known: Iterable[Any], wanted: Iterable[Any], label: str
    ) -> Body:
        terms = [*known, *wanted, *(term for literal in literals for term in literal.arguments)]
        uses = Counter(term.name for term in terms if term.is_variable())
        body = Body(label, {name for name, times in uses.items() if times == 1})
        body.bind(known)
        waiting = list(literals)
        while waiting:
            literal = next((literal for literal in waiting if filters(literal, body)), None)
            if literal is None:
                literal = self.cheapest(theory, waiting, body)
            # Not by equality: the same literal may stand there twice.
            waiting = [other for other in waiting if other is not literal]
            step, found = self.step(theory, body, literal)
            body.add(step, found)
            body.bind(() if literal.is_negated() else literal.arguments)
        if any(term.is_variable() and term.name not in body.bound for term in wanted):
            raise Unplanned
        return body

    def cheapest(self, theory: Any, waiting: list[Any], body: Body) -> Any:
        costs: list[tuple[float, int]] = []
        for number, literal in enumerate(waiting):
            if not is_table(literal):
                continue
            try:
                costs.append((self.relation(theory, literal, body).cost, number))
            except Unplanned:
                continue
        if not costs:
            raise Unplanned
        return waiting[min(costs)[1]]

    def step(self, theory: Any, body: Body, literal: Any) -> tuple[Step, float]:
        if literal.is_negated():
            inner = self.body(theory, [literal.complement()], literal.arguments, (), body.label)
            return absent(body, inner, literal, self.pace), 1.0
        if literal.tablename() == "true":
            return (lambda frames: frames), 1.0
        if literal.tablename() == "false":
            return (lambda _: iter(())), 1.0
        if literal.is_builtin():
            return computed(body, literal, self.pace), 1.0
        relation = self.relation(theory, literal, body)
        from_facts: Step = lambda _: iter(())  # noqa: E731
        if relation.facts:
            from_facts = looked_up(body, literal, relation.facts, self.pace)
        if not relation.rules:
            return from_facts, relation.found
        places = [body.place(term) for term in literal.arguments]
        key, wanted = getter(relation.these(KNOWN, places)), relation.these(WANTED, places)
        return joined(from_facts, relation.ask, key, wanted, pace=self.pace, label=body.label), relation.found

    def relation(self, theory: Any, literal: Any, body: Body) -> Relation:
        theory = self.theory(theory, literal)
        uses = tuple(
            KNOWN if body.knows(term) else UNUSED if term.name in body.unused else WANTED
            for term in literal.arguments
        )
        name = (theory and theory.name, literal.table, uses)
        if name not in self.relations:
            self.relations[name] = None  # until it is made: a rule that needs itself finds none
            self.relations[name] = self.make(theory, literal.table, uses)
        relation = self.relations[name]
        if relation is None:
            raise Unplanned
        return relation

    def make(self, theory: Any, table: Any, uses: tuple[str, ...]) -> Relation:
        relation = Relation(self, uses)
        if theory is None:
            return relation
        facts = theory.rules.facts.get(table.table)
        if facts and table.modal is None and table.service in (None, theory.name):
            relation.facts = self.hold(facts.rows)
            columns = tuple(column for column, use in enumerate(uses) if use is KNOWN)
            relation.cost = relation.found = relation.facts.found(columns)
        for rule in theory.rules.rules.get(table.table, ()):
            if rule.head.table.same(table, theory.name) and len(rule.head.arguments) == len(uses):
                known, wanted = (relation.these(use, rule.head.arguments) for use in (KNOWN, WANTED))
                body = self.body(theory, rule.body, known, wanted, rule.original_str or str(rule))
                relation.add(rule.head, body)
        return relation


def filters(literal: Any, body: Body) -> bool:
    """Whether it can be asked now, and finds one row at most."""
    if literal.is_negated():
        return all(map(body.knows, literal.arguments))
    if literal.is_builtin():
        inputs = builtin.builtin_registry.builtin(literal.table).num_inputs
        return all(map(body.knows, literal.arguments[:inputs]))
    return literal.tablename() in ("true", "false")


def is_table(literal: Any) -> bool:
    return not (literal.is_negated() or literal.is_builtin() or literal.tablename() in ("true", "false"))
