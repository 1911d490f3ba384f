"""The steps of a rule. Each step evaluates one literal: it reads frames of values and yields those for which it holds.

A rule's body has one frame, a list with a slot for each variable and constant. The steps pass the frame on and change
it in place: exactly one step sets each variable, and the later steps are done with a frame before an earlier step
changes it again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from operator import itemgetter
from typing import Any

from congress.datalog import builtin, compile  # noqa: A004  Congress's name
from congress_runtime.patches.evaluation_rows import Row, Rows, same

Frame = list[Any]
Frames = Iterator[Frame]
Step = Callable[[Frames], Frames]
Key = tuple[Any, ...]
# Called for each row that is read, with the text of the rule.
Pace = Callable[[str], object]


class Body:
    """The literals of a rule in the order of their evaluation.

    `label`: the rule's text. `unused`: names of variables that occur only once. `cost`: rows that are read in all;
    `row_estimate`: rows that match; both are estimates.
    """

    def __init__(self, label: str, unused: set[str]) -> None:
        self.label, self.unused = label, unused
        self.slots: dict[Any, int] = {}
        self.frame: Frame = []
        self.bound: set[str] = set()
        self.steps: list[Step] = []
        self.cost, self.row_estimate = 0.0, 1.0

    def slot(self, term: Any) -> int:
        name = term.name if term.is_variable() else (type(term.name), term.name)
        if name not in self.slots:
            self.slots[name] = len(self.frame)
            self.frame.append(None if term.is_variable() else term.name)
        return self.slots[name]

    def is_bound(self, term: Any) -> bool:
        return not term.is_variable() or term.name in self.bound

    def bind(self, terms: Iterable[Any]) -> None:
        for term in terms:
            self.slot(term)
            if term.is_variable():
                self.bound.add(term.name)

    def add(self, step: Step, row_estimate: float) -> None:
        self.steps.append(step)
        self.row_estimate *= row_estimate
        self.cost += self.row_estimate

    def run(self, frame: Frame) -> Frames:
        frames: Frames = iter((frame,))
        for step in self.steps:
            frames = step(frames)
        return frames


def exact_key(row: Row) -> Any:
    """The row as a dictionary key for which 1 differs from 1.0."""
    return (row, floats(row)) if float in map(type, row) else row


def floats(row: Row) -> tuple[bool, ...]:
    return tuple([isinstance(value, float) for value in row])


def add_if_new(distinct: dict[Any, Row], row: Row) -> bool:
    """Add the row to the distinct ones. False if they contain it already; 1 differs from 1.0."""
    existing = distinct.setdefault(row, row)
    if existing is row:
        return True
    return floats(existing) != floats(row) and distinct.setdefault((row, floats(row)), row) is row


def getter(slots: list[int]) -> Callable[[Frame], Key]:
    if len(slots) > 1:
        return itemgetter(*slots)
    return lambda frame: tuple([frame[slot] for slot in slots])


def assigning(targets: list[tuple[int, int]]) -> Callable[[Frame, Any], bool]:
    """A function that copies columns of a row into slots: pairs of column, slot.

    It returns False if two columns for the same slot differ.
    """
    first: dict[int, int] = {}
    repeated = [(column, first[slot]) for column, slot in targets if first.setdefault(slot, column) != column]
    pairs = list(first.items())

    def assign(frame: Frame, row: Any) -> bool:
        for slot, column in pairs:
            frame[slot] = row[column]
        return not repeated or all(same(row[column], row[other]) for column, other in repeated)

    return assign


def table_lookup(body: Body, literal: Any, rows: Rows, pace: Pace) -> Step:
    """Match the literal against a table's rows, by an index on the bound columns."""
    arity, label = len(literal.arguments), body.label
    terms = [(column, body.slot(term), term) for column, term in enumerate(literal.arguments)]
    bound = [(column, slot) for column, slot, term in terms if body.is_bound(term)]
    free = [(c, slot) for c, slot, term in terms if not body.is_bound(term) and term.name not in body.unused]
    columns = tuple(column for column, _ in bound)
    key: Callable[[Frame], Any] = getter([slot for _, slot in bound])
    if len(bound) == 1 < arity:
        key = itemgetter(bound[0][1])
    assign = assigning(free)

    def step(frames: Frames) -> Frames:
        index: Any = (
            rows.facts if len(columns) == arity else rows.index(columns, pace, label) if columns else None
        )
        for frame in frames:
            value = key(frame)
            matches: Any = rows.facts if index is None else index.get(value)
            if matches is None:
                pace(label)
                continue
            # For text, the index finds exact matches; for a number also an equal one of another type (1 and 1.0).
            numbers = (
                () if type(value) is str else [(c, frame[s]) for c, s in bound if type(frame[s]) is not str]
            )
            for row in matches if type(matches) is dict else (matches,):
                pace(label)
                if len(row) != arity or (
                    numbers and not all(same(row[column], value) for column, value in numbers)
                ):
                    continue
                if assign(frame, row):
                    yield frame
                    if not free:
                        break

    return step


def relation_lookup(
    from_facts: Step,
    lookup: Callable[[Key], Iterable[Row]],
    key: Callable[[Frame], Key],
    output: list[int],
    *,
    pace: Pace,
    label: str,
) -> Step:
    """Match the literal against a table that rules define, after the rows that the table has as facts."""
    assign = assigning(list(enumerate(output)))

    def step(frames: Frames) -> Frames:
        for frame in frames:
            match = None
            for match in from_facts(iter((frame,))):
                yield match
            if match is not None and not output:
                continue
            for row in lookup(key(frame)):
                pace(label)
                if assign(frame, row):
                    yield frame

    return step


def negation(body: Body, inner: Body, literal: Any, pace: Pace) -> Step:
    """Keep the frames for which the literal does not hold; `inner` evaluates it without the negation."""
    values = getter([body.slot(term) for term in literal.arguments])
    slots = [inner.slot(term) for term in literal.arguments]

    def step(frames: Frames) -> Frames:
        for frame in frames:
            pace(body.label)
            inner_frame = inner.frame.copy()
            for slot, value in zip(slots, values(frame), strict=True):
                inner_frame[slot] = value
            if next(inner.run(inner_frame), None) is None:
                yield frame

    return step


def builtin_call(body: Body, literal: Any, pace: Pace) -> Step:
    """Evaluate one of Congress's builtin functions."""
    function = builtin.builtin_registry.builtin(literal.table)
    slots = [body.slot(term) for term in literal.arguments]
    inputs = getter(slots[: function.num_inputs])
    outputs = list(enumerate(literal.arguments[function.num_inputs :]))
    bound = [(column, body.slot(term)) for column, term in outputs if body.is_bound(term)]
    assign = assigning([(column, body.slot(term)) for column, term in outputs if not body.is_bound(term)])

    def matches(result: Any, frame: Frame) -> bool:
        if not outputs:
            return bool(result)
        values = [result] if isinstance(result, int | float | str) else result
        row = [compile.Term.create_from_python(value).name for value in values]
        if len(row) != len(outputs) or not all(same(row[column], frame[slot]) for column, slot in bound):
            return False
        return assign(frame, row)

    def step(frames: Frames) -> Frames:
        for frame in frames:
            pace(body.label)
            try:
                result = function.code(*inputs(frame))
            except Exception:  # noqa: BLE001, S112  as in upstream: after any error the literal does not hold
                continue
            if matches(result, frame):
                yield frame

    return step
