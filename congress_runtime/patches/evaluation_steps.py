"""The steps of a rule: each takes frames of values and gives those for which a literal holds, completed by it.

A body has one frame, a list with a place for each variable and constant, which its steps hand on and change: each
variable gets its value from one step, and what comes after a step is done with a frame before the step goes on.
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
# Called for each row that is looked at, with the rule on whose behalf.
Pace = Callable[[str], object]


class Body:
    """The literals of a rule in the order in which they are asked."""

    def __init__(self, label: str, unused: set[str]) -> None:
        self.label, self.unused = label, unused
        self.places: dict[Any, int] = {}
        self.frame: Frame = []
        self.bound: set[str] = set()
        self.steps: list[Step] = []
        self.cost, self.found = 0.0, 1.0

    def place(self, term: Any) -> int:
        name = term.name if term.is_variable() else (type(term.name), term.name)
        if name not in self.places:
            self.places[name] = len(self.frame)
            self.frame.append(None if term.is_variable() else term.name)
        return self.places[name]

    def knows(self, term: Any) -> bool:
        return not term.is_variable() or term.name in self.bound

    def bind(self, terms: Iterable[Any]) -> None:
        for term in terms:
            self.place(term)
            if term.is_variable():
                self.bound.add(term.name)

    def add(self, step: Step, found: float) -> None:
        self.steps.append(step)
        self.found *= found
        self.cost += self.found

    def run(self, frame: Frame) -> Frames:
        frames: Frames = iter((frame,))
        for step in self.steps:
            frames = step(frames)
        return frames


def exact(row: Row) -> Any:
    """The row as a key that tells 1 from 1.0."""
    return (row, floats(row)) if float in map(type, row) else row


def floats(row: Row) -> tuple[bool, ...]:
    return tuple([isinstance(value, float) for value in row])


def novel(found: dict[Any, Row], row: Row) -> bool:
    """Put the row among those found, unless it is there."""
    there = found.setdefault(row, row)
    if there is row:
        return True
    return floats(there) != floats(row) and found.setdefault((row, floats(row)), row) is row


def getter(places: list[int]) -> Callable[[Frame], Key]:
    if len(places) > 1:
        return itemgetter(*places)
    return lambda frame: tuple([frame[place] for place in places])


def assigning(places: list[tuple[int, int]]) -> Callable[[Frame, Any], bool]:
    """A function that puts columns of a row into their places; False when two for one place differ."""
    first: dict[int, int] = {}
    again = [(column, first[place]) for column, place in places if first.setdefault(place, column) != column]
    pairs = list(first.items())

    def assign(frame: Frame, row: Any) -> bool:
        for place, column in pairs:
            frame[place] = row[column]
        return not again or all(same(row[column], row[other]) for column, other in again)

    return assign


def looked_up(body: Body, literal: Any, rows: Rows, pace: Pace) -> Step:
    """In the rows of a table, by an index on what is known."""
    arity, label = len(literal.arguments), body.label
    terms = [(column, body.place(term), term) for column, term in enumerate(literal.arguments)]
    known = [(column, place) for column, place, term in terms if body.knows(term)]
    free = [(c, place) for c, place, term in terms if not body.knows(term) and term.name not in body.unused]
    columns = tuple(column for column, _ in known)
    key: Callable[[Frame], Any] = getter([place for _, place in known])
    if len(known) == 1 < arity:
        key = itemgetter(known[0][1])
    assign = assigning(free)

    def step(frames: Frames) -> Frames:
        index: Any = (
            rows.facts if len(columns) == arity else rows.index(columns, pace, label) if columns else None
        )
        for frame in frames:
            value = key(frame)
            found: Any = rows.facts if index is None else index.get(value)
            if found is None:
                pace(label)
                continue
            # Text is found by the index as it is, a number with what is equal to it.
            numbers = (
                () if type(value) is str else [(c, frame[p]) for c, p in known if type(frame[p]) is not str]
            )
            for row in found if type(found) is dict else (found,):
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


def joined(
    from_facts: Step,
    ask: Callable[[Key], Iterable[Row]],
    key: Callable[[Frame], Key],
    wanted: list[int],
    *,
    pace: Pace,
    label: str,
) -> Step:
    """In a table that rules define, beside its rows."""
    assign = assigning(list(enumerate(wanted)))

    def step(frames: Frames) -> Frames:
        for frame in frames:
            found = None
            for found in from_facts(iter((frame,))):
                yield found
            if found is not None and not wanted:
                continue
            for row in ask(key(frame)):
                pace(label)
                if assign(frame, row):
                    yield frame

    return step


def absent(body: Body, inner: Body, literal: Any, pace: Pace) -> Step:
    """Not at all in a table."""
    values = getter([body.place(term) for term in literal.arguments])
    places = [inner.place(term) for term in literal.arguments]

    def step(frames: Frames) -> Frames:
        for frame in frames:
            pace(body.label)
            asked = inner.frame.copy()
            for place, value in zip(places, values(frame), strict=True):
                asked[place] = value
            if next(inner.run(asked), None) is None:
                yield frame

    return step


def computed(body: Body, literal: Any, pace: Pace) -> Step:
    """By a function of Congress."""
    built = builtin.builtin_registry.builtin(literal.table)
    places = [body.place(term) for term in literal.arguments]
    inputs = getter(places[: built.num_inputs])
    outputs = list(enumerate(literal.arguments[built.num_inputs :]))
    known = [(column, body.place(term)) for column, term in outputs if body.knows(term)]
    assign = assigning([(column, body.place(term)) for column, term in outputs if not body.knows(term)])

    def fits(result: Any, frame: Frame) -> bool:
        if not outputs:
            return bool(result)
        values = [result] if isinstance(result, int | float | str) else result
        row = [compile.Term.create_from_python(value).name for value in values]
        if len(row) != len(outputs) or not all(same(row[column], frame[place]) for column, place in known):
            return False
        return assign(frame, row)

    def step(frames: Frames) -> Frames:
        for frame in frames:
            pace(body.label)
            try:
                result = built.code(*inputs(frame))
            except Exception:  # noqa: BLE001, S112  as upstream: then it does not hold
                continue
            if fits(result, frame):
                yield frame

    return step
