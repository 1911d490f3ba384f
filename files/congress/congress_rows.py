# ruff: noqa: INP001 (a module of Congress's virtual environment, not of this project)
"""Let an engine change a row, or drop a datasource, at a cost that does not grow with the table.

Upstream, after each change, makes a Rule of every row of the table, twice, only to hand them to a debug message that
nobody has switched on: 15 seconds without an answer at 100,000 rows, on all engines at once. When a datasource is
deleted it deletes its rows one by one, each as a change of a policy.
"""

from typing import Any

from congress.datalog.base import DATASOURCE_POLICY_TYPE
from congress.exception import CongressException
from congress.policy_engines.agnostic import DseRuntime


def arm() -> None:
    delete_policy = DseRuntime.delete_policy

    def receive_data_update(self: Any, publisher: str, _table: str, events: list[Any]) -> None:
        for event in events:
            event.target = publisher
        permitted, changes = self.update(events)
        if not permitted:
            raise CongressException("Update not permitted.\n" + "\n".join(map(str, changes)))

    def delete_policy_without_rows(self: Any, name_or_id: str, disallow_dangling_refs: bool = False) -> None:  # noqa: FBT001, FBT002
        name = self._find_policy_name(name_or_id)
        theory = self.theory[name]
        refused = disallow_dangling_refs and self._references_to_policy(name)
        if theory.kind == DATASOURCE_POLICY_TYPE and not refused:
            self.initialize_tables(list(theory.rules.facts), (), target=name)
        delete_policy(self, name_or_id, disallow_dangling_refs)

    DseRuntime.receive_data_update = receive_data_update
    DseRuntime.delete_policy = delete_policy_without_rows
