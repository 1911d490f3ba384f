"""Rows of a datasource's table that webhooks change one by one, at a cost that does not grow with the table.

A webhook's handler in upstream compares every row with the id of the changed one. Its publication then compares the
table with a copy of what was published last. TrackedRows finds rows by an index, and remembers which rows changed
since that copy was made.

Each new table costs one pass over its rows at its first webhook, for the index and a whole comparison.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from operator import itemgetter
from typing import Any

from congress_runtime.patches.evaluation_rows import Index, Row, add_to_index, remove_from_index
from congress_runtime.patches.pauses import with_pauses


class TrackedRows(set[Row]):
    """Only `add` and `discard` may change the rows; upstream's drivers use no other method."""

    def __init__(self, rows: Iterable[Row]) -> None:
        super().__init__(rows)
        self.indexes: dict[int, Index] = {}  # of a column
        self.published: set[Row] | None = None  # the copy that was published last
        self.changed: set[Row] = set()  # all rows in which the copy may differ

    def add(self, row: Row) -> None:
        if row not in self:
            super().add(row)
            # Subscribers must get this row, not an equal one: 1 equals True.
            self.changed.discard(row)
            self.changed.add(row)
            for column, index in self.indexes.items():
                add_to_index(index, itemgetter(column), row)

    def discard(self, row: Any) -> None:
        if row in self:
            super().discard(row)
            self.changed.add(row)
            for column, index in self.indexes.items():
                remove_from_index(index, itemgetter(column), row)

    def having(self, column: int, value: Any) -> Iterable[Row]:
        """The rows with this value in the column."""
        if column not in self.indexes:
            index: Index = {}
            for row in self:
                add_to_index(index, itemgetter(column), row)
            self.indexes[column] = index
        try:
            found = self.indexes[column].get(value, ())
        except TypeError:  # a list or an object of JSON, which equals no value of a row
            return ()
        return found if type(found) is dict else (found,) if found else ()

    def bring_up_to_date(self, copy: set[Row]) -> tuple[list[Row], list[Row]]:
        """Apply the changes to the published copy; return the rows that were added and removed."""
        changed, self.changed = self.changed, set()
        added = [row for row in changed if row in self and row not in copy]
        removed = [row for row in changed if row in copy and row not in self]
        copy -= changed
        copy |= changed & self
        return added, removed


class Matching:
    """For a driver's search: it sees only the rows of the table with this value; its changes reach the table."""

    def __init__(self, state: dict[str, Any], table: str, column: int, value: Any) -> None:
        self.state, self.table, self.column, self.value = state, table, column, value

    def __iter__(self) -> Iterator[Row]:
        return iter(tracked(self.state, self.table).having(self.column, self.value))

    def add(self, row: Row) -> None:
        self.state[self.table].add(row)

    def discard(self, row: Row) -> None:
        self.state[self.table].discard(row)


def tracked(state: dict[str, Any], table: str) -> TrackedRows:
    """The rows of the table, tracked from now on."""
    rows = state[table]
    if not isinstance(rows, TrackedRows):
        rows = state[table] = TrackedRows(rows)
    return rows


def copied(rows: Iterable[Row]) -> set[Row]:
    """A copy of the rows to publish. If they are tracked, their changes refer to it from now on."""
    copy = set(rows)
    if isinstance(rows, TrackedRows):
        rows.published, rows.changed = copy, set()
    return copy


def difference(before: set[Row], rows: Iterable[Row]) -> tuple[set[Row], list[Row], list[Row]]:
    """A copy of the rows, and those that were added and removed since `before`, which was published last.

    With pauses. If the changes since `before` are known, it becomes the copy, without a pause.
    """
    if isinstance(rows, TrackedRows) and rows.published is before:
        return (before, *rows.bring_up_to_date(before))
    now = copied(rows)
    added = [row for row in with_pauses(now) if row not in before]
    removed = [row for row in with_pauses(before) if row not in now]
    return now, added, removed
