"""Let an engine change a row, or delete a datasource, at a cost that does not grow with the table.

After each change, upstream creates a Rule object from every row of the table, twice, for a debug message, although
debug messages are off: at 100,000 rows, all engines answer nobody for 15 seconds. When a datasource is deleted,
upstream deletes its rows one by one, each as a change of a policy.

When many rows change at once, the engine also serves requests meanwhile. The new rows are prepared separately, with
pauses, and replace the old ones in one step, so an evaluation sees the table either before or after the change.
Upstream processes each row of a difference as a change of a policy, without a pause: 19 seconds if each of
100,000 rows is replaced.

Congress stores only ASCII texts and numbers, so two rows of a datasource may become equal in the engine. In
upstream, the row disappears when one of the two is removed. Here, duplicates are counted.
"""

import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

from congress.datalog import factset
from congress.datalog.base import DATASOURCE_POLICY_TYPE
from congress.datalog.compile import Fact
from congress.datalog.nonrecursive import DatasourcePolicyTheory
from congress.exception import CongressException
from congress.policy_engines.agnostic import DseRuntime
from congress.utils import value_to_congress
from congress_runtime.patches.pauses import with_pauses
from oslo_log import log

LOG = log.getLogger(__name__)

# Up to this many changes are made in the table itself, without a pause; more of them in a copy.
MAX_IN_PLACE = 10_000


class Change:
    """A change of one table of a datasource. It is prepared with pauses and applied without one.

    `data`: the rows of a snapshot, or the pair of added and removed rows of a difference. Raises CongressException if
    the rows do not fit the table.
    """

    def __init__(self, theory: Any, table: str, data: Any, is_snapshot: bool) -> None:  # noqa: FBT001
        self.theory, self.table, self.is_snapshot = theory, table, is_snapshot
        added, removed = (data, ()) if is_snapshot else data
        self.all_ascii = True
        if not is_snapshot:
            self.check_columns(chain(removed, added))
        self.new_rows = None
        if is_snapshot or len(added) + len(removed) > MAX_IN_PLACE:
            self.new_rows = new_table() if is_snapshot else copied(self.current_rows())
            update_table(self.new_rows, self.facts(removed), self.facts(added))
        else:
            self.removed, self.added = list(self.facts(removed)), list(self.facts(added))
        if not self.all_ascii:
            LOG.warning("characters beyond ASCII are omitted in table %s of %s", table, theory.name)

    def facts(self, rows: Iterable[Iterable[Any]]) -> Iterator[Any]:
        return map(self.fact, with_pauses(rows))

    def fact(self, row: Iterable[Any]) -> Any:
        return Fact(self.table, [self.text(v) if type(v) is str else value_to_congress(v) for v in row])

    def text(self, value: str) -> str:
        """utils.value_to_congress without a warning for each value; equal texts share one object."""
        if not value.isascii():
            self.all_ascii = False
            value = value.encode("ascii", "ignore").decode("ascii")
        return sys.intern(value)

    def check_columns(self, rows: Iterable[Any]) -> None:
        """As upstream does for a difference. Raises CongressException."""
        columns = self.theory.schema.arity(self.table)
        for row in with_pauses(rows):
            if columns not in {None, len(row)}:
                raise CongressException(
                    f"{self.theory.name} sends {len(row)} columns of its table {self.table}, which has {columns}"
                )

    def current_rows(self) -> Any:
        return self.theory.rules.facts.get(self.table) or new_table()

    def apply_to(self, theory: Any) -> None:
        """Raises CongressException if the datasource was deleted and created again during the preparation."""
        if theory is not self.theory:
            raise CongressException(f"{theory.name} was replaced while rows of {self.table} were received")
        rows = self.new_rows
        if rows is None:
            rows = self.current_rows()
            update_table(rows, self.removed, self.added)
        if rows or self.is_snapshot:
            theory.rules.facts[self.table] = rows
        else:
            theory.rules.facts.pop(self.table, None)
        theory.dirty = True  # read by a theory that Z3 evaluates


def new_table() -> Any:
    rows = factset.FactSet()
    rows.duplicates = Counter()  # row -> how many more rows of the datasource become equal to it
    return rows


def duplicates(rows: Any) -> Counter[Any]:
    if not hasattr(rows, "duplicates"):  # a rule of the policy, or a simulation, created the table
        rows.duplicates = Counter()
    return rows.duplicates  # type: ignore[no-any-return]


def copied(rows: Any) -> Any:
    copy = new_table()
    copy.duplicates.update(duplicates(rows))
    for row in with_pauses(rows):
        copy.add(row)
    return copy


def update_table(rows: Any, removed: Iterable[Any], added: Iterable[Any]) -> None:
    counts = duplicates(rows)
    for row in removed:
        if row not in counts:
            rows.remove(row)
        elif counts[row] > 1:
            counts[row] -= 1
        else:
            del counts[row]
    for row in added:
        if not rows.add(row):
            counts[row] += 1


def apply() -> None:
    receive_data, delete_policy = DseRuntime.receive_data, DseRuntime.delete_policy
    initialize_tables = DatasourcePolicyTheory.initialize_tables

    def receive_rows(self: Any, publisher: str, table: str, data: Any, is_snapshot: bool = False) -> None:  # noqa: FBT001, FBT002
        theory = self.get_target(publisher)
        if theory.kind == DATASOURCE_POLICY_TYPE:
            self.initialize_tables([table], Change(theory, table, data, is_snapshot), target=publisher)
        else:
            receive_data(self, publisher, table, data, is_snapshot)

    def change_or_initialize(self: Any, tables: list[str], rows: Any) -> None:
        if isinstance(rows, Change):
            rows.apply_to(self)
        else:
            initialize_tables(self, tables, rows)

    def delete_policy_without_rows(self: Any, name_or_id: str, disallow_dangling_refs: bool = False) -> None:  # noqa: FBT001, FBT002
        name = self._find_policy_name(name_or_id)
        theory = self.theory[name]
        refused = disallow_dangling_refs and self._references_to_policy(name)
        if theory.kind == DATASOURCE_POLICY_TYPE and not refused:
            self.initialize_tables(list(theory.rules.facts), (), target=name)
        delete_policy(self, name_or_id, disallow_dangling_refs)

    DseRuntime.receive_data = receive_rows
    DseRuntime.delete_policy = delete_policy_without_rows
    DatasourcePolicyTheory.initialize_tables = change_or_initialize
