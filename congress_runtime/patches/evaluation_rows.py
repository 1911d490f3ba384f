"""The rows of a table, with indexes, and unchanged for who holds them.

Takes the place of congress.datalog.factset.FactSet, with the same methods. Upstream an index keeps a set for each of
its keys, and each row is an object with a dictionary in a linked list; here a row is a plain tuple in one dictionary.

An evaluation holds the rows that it reads. What changes a table meanwhile changes a copy: to copy the dictionary of
100,000 rows takes 2 ms. Without a holder a change is made in place, in the indexes too.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from operator import itemgetter
from typing import Any

Row = tuple[Any, ...]
Columns = tuple[int, ...]
# Of each key its row, or where there are several a dictionary of them.
Index = dict[Any, Any]

SAMPLE = 200


def same(one: object, other: object) -> bool:
    """As Congress compares constants: 1 is not 1.0. Text is never a number."""
    return one == other and isinstance(one, float) is isinstance(other, float)


class Rows:
    """The rows of a table at one moment, as long as somebody holds them."""

    __slots__ = ("facts", "holders", "indexes")

    def __init__(self, facts: dict[Row, Row]) -> None:
        self.facts = facts
        self.indexes: dict[Columns, Index] = {}
        self.holders = 0

    def index(self, columns: Columns, pace: Callable[[str], object] = str, label: str = "") -> Index:
        """From what a row has in `columns` (a value for one column, a tuple for several) to the rows."""
        index = self.indexes.get(columns)
        if index is None:
            index, key = {}, itemgetter(*columns)
            for fact in self.facts:
                put(index, key, fact)
                pace(label)
            self.indexes[columns] = index
        return index

    def found(self, columns: Columns) -> float:
        """About how many rows have the same in `columns`."""
        if not columns or not self.facts:
            return len(self.facts)
        if columns in self.indexes:
            return len(self.facts) / (len(self.indexes[columns]) or 1)
        sample = list(islice(self.facts, 0, None, len(self.facts) // SAMPLE + 1))
        distinct = len({tuple(row[column : column + 1] for column in columns) for row in sample})
        return len(self.facts) / distinct if distinct < len(sample) else len(self.facts) / distinct**2


def put(index: Index, key: Callable[[Row], Any], fact: Row) -> None:
    try:
        value = key(fact)
    except IndexError:  # a row of fewer columns, as a push datasource may send: nobody asks for it by these
        return
    there = index.setdefault(value, fact)
    if type(there) is dict:
        there[fact] = fact
    elif there is not fact:
        index[value] = {there: there, fact: fact}


def take(index: Index, key: Callable[[Row], Any], fact: Row) -> None:
    try:
        value = key(fact)
    except IndexError:
        return
    there = index[value]
    if type(there) is dict and len(there) > 1:
        del there[fact]
    else:
        del index[value]


class FactSet:
    def __init__(self) -> None:
        self.rows = Rows({})

    def __contains__(self, fact: Row) -> bool:
        return tuple(fact) in self.rows.facts

    def __len__(self) -> int:
        return len(self.rows.facts)

    def __iter__(self) -> Iterator[Row]:
        rows = self.rows
        rows.holders += 1
        try:
            yield from rows.facts
        finally:
            rows.holders -= 1

    def add(self, fact: Row) -> bool:
        row = tuple(fact)
        if row in self.rows.facts:
            return False
        rows = self.own()
        rows.facts[row] = row
        for columns, index in rows.indexes.items():
            put(index, itemgetter(*columns), row)
        return True

    def remove(self, fact: Row) -> bool:
        row = self.rows.facts.get(tuple(fact))
        if row is None:
            return False
        rows = self.own()
        del rows.facts[row]
        for columns, index in rows.indexes.items():
            take(index, itemgetter(*columns), row)
        return True

    def own(self) -> Rows:
        """The rows, for a change that no holder sees."""
        if self.rows.holders:
            self.rows = Rows(dict(self.rows.facts))
        return self.rows

    def create_index(self, columns: Columns) -> None:
        self.rows.index(columns)

    def remove_index(self, columns: Columns) -> None:
        self.rows.indexes.pop(columns, None)

    def has_index(self, columns: Columns) -> bool:
        return columns in self.rows.indexes

    def find(self, partial_fact: Iterable[tuple[int, Any]], iterations: list[int] | None = None) -> set[Row]:
        """The rows that have each of the values in its column; how many were looked at goes into `iterations`."""
        pairs = tuple(partial_fact)
        columns, values = tuple(column for column, _ in pairs), tuple(value for _, value in pairs)
        index = self.rows.indexes.get(columns)
        if iterations is not None:
            iterations.append(len(self) if index is None else 1)
        if index is None:
            return {row for row in self.rows.facts if all(row[column] == value for column, value in pairs)}
        found = index.get(values if len(values) > 1 else values[0])
        return set(found or ()) if found is None or type(found) is dict else {found}
