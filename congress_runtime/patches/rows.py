"""Let an engine change a row, or drop a datasource, at a cost that does not grow with the table.

Upstream, after each change, makes a Rule of every row of the table, twice, only to hand them to a debug message that
nobody has switched on: 15 seconds without an answer at 100,000 rows, on all engines at once. When a datasource is
deleted it deletes its rows one by one, each as a change of a policy.

And let it do something else meanwhile when much changes at once, a whole table or a good part of it. Rows are made
ready aside, with pauses, and put in their place in one step, so that an evaluation sees the table of before or the one
of after. Upstream makes a change of policy of each row that a difference names, without a pause: 19 seconds if each of
100,000 rows is replaced.

Congress knows no text but ASCII, and no value but texts and numbers: two rows of a datasource may become the same
one here. Upstream it is gone when one of the two goes. Here it is counted.
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

# So many changes are made in the table itself, without a pause; more in a copy of it.
AT_ONCE = 10_000


class Change:
    """What becomes of one table of a datasource. Made with pauses, put in its place without one."""

    def __init__(self, theory: Any, table: str, data: Any, is_snapshot: bool) -> None:  # noqa: FBT001
        self.theory, self.table, self.is_snapshot = theory, table, is_snapshot
        added, removed = (data, ()) if is_snapshot else data
        self.all_ascii = True
        if not is_snapshot:
            self.refuse_other_columns(chain(removed, added))
        self.aside = None
        if is_snapshot or len(added) + len(removed) > AT_ONCE:
            self.aside = new_table() if is_snapshot else copied(self.table_of_theory())
            update_table(self.aside, self.facts(removed), self.facts(added))
        else:
            self.removed, self.added = list(self.facts(removed)), list(self.facts(added))
        if not self.all_ascii:
            LOG.warning("characters beyond ASCII are left out of table %s of %s", table, theory.name)

    def facts(self, rows: Iterable[Iterable[Any]]) -> Iterator[Any]:
        return map(self.fact, with_pauses(rows))

    def fact(self, row: Iterable[Any]) -> Any:
        return Fact(self.table, [self.text(v) if type(v) is str else value_to_congress(v) for v in row])

    def text(self, value: str) -> str:
        """utils.value_to_congress, without a warning for each value; equal texts are kept once."""
        if not value.isascii():
            self.all_ascii = False
            value = value.encode("ascii", "ignore").decode("ascii")
        return sys.intern(value)

    def refuse_other_columns(self, rows: Iterable[Any]) -> None:
        """As upstream does for a difference."""
        columns = self.theory.schema.arity(self.table)
        for row in with_pauses(rows):
            if columns not in {None, len(row)}:
                raise CongressException(
                    f"{self.theory.name} sends {len(row)} columns of its table {self.table}, which has {columns}"
                )

    def table_of_theory(self) -> Any:
        return self.theory.rules.facts.get(self.table) or new_table()

    def put_into(self, theory: Any) -> None:
        if theory is not self.theory:
            raise CongressException(f"{theory.name} was made anew while rows of {self.table} were taken in")
        rows = self.aside
        if rows is None:
            rows = self.table_of_theory()
            update_table(rows, self.removed, self.added)
        if rows or self.is_snapshot:
            theory.rules.facts[self.table] = rows
        else:
            theory.rules.facts.pop(self.table, None)
        theory.dirty = True  # for a theory that Z3 evaluates


def new_table() -> Any:
    rows = factset.FactSet()
    rows.twins = Counter()  # of a row that the datasource has several of, those beyond the first
    return rows


def twins(rows: Any) -> Counter[Any]:
    if not hasattr(rows, "twins"):  # a rule of the policy made the table, or a simulation
        rows.twins = Counter()
    return rows.twins  # type: ignore[no-any-return]


def copied(rows: Any) -> Any:
    copy = new_table()
    copy.twins.update(twins(rows))
    for row in with_pauses(rows):
        copy.add(row)
    return copy


def update_table(rows: Any, removed: Iterable[Any], added: Iterable[Any]) -> None:
    more = twins(rows)
    for row in removed:
        if row not in more:
            rows.remove(row)
        elif more[row] > 1:
            more[row] -= 1
        else:
            del more[row]
    for row in added:
        if not rows.add(row):
            more[row] += 1


def apply() -> None:
    receive_data, delete_policy = DseRuntime.receive_data, DseRuntime.delete_policy
    initialize_tables = DatasourcePolicyTheory.initialize_tables

    def receive_rows(self: Any, publisher: str, table: str, data: Any, is_snapshot: bool = False) -> None:  # noqa: FBT001, FBT002
        theory = self.get_target(publisher)
        if theory.kind == DATASOURCE_POLICY_TYPE:
            self.initialize_tables([table], Change(theory, table, data, is_snapshot), target=publisher)
        else:
            receive_data(self, publisher, table, data, is_snapshot)

    def put_or_initialize(self: Any, tables: list[str], rows: Any) -> None:
        if isinstance(rows, Change):
            rows.put_into(self)
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
    DatasourcePolicyTheory.initialize_tables = put_or_initialize
