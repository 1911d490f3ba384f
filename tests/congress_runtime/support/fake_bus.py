"""For scripts that run in Congress's virtual environment: publisher and subscriber without a bus.

Both are Congress's own classes. This module replaces the nodes between them, and what an engine does with rows.
"""

from __future__ import annotations

import json
from typing import Any

import congress_runtime.patches.removed_names  # noqa: F401  names that congress imports and Python removed
from congress.dse2.data_service import DataService


def through_json(data: Any) -> Any:
    """The data as the bus delivers it."""
    return json.loads(json.dumps(data))


class Node:
    """Delivers publications to all subscribers and requests to their publisher. `rows`: of the last publication."""

    def __init__(self) -> None:
        self.rows = 0
        self.subscribers: list[Engine] = []
        self.publishers: dict[str, Source] = {}

    def publish_table_sequenced(
        self,
        publisher: str,
        table: str,
        data: Any,
        is_snapshot: bool,  # noqa: FBT001
        seqnum: int,
    ) -> None:
        self.rows = len(data) if is_snapshot else sum(map(len, data))
        received = through_json(list(data))
        for subscriber in self.subscribers:
            subscriber.receive_data_sequenced(publisher, table, received, seqnum, is_snapshot)

    def subscribe_table(self, _subscriber: str, publisher: str, table: str) -> Any:
        return through_json(self.publishers[publisher].get_last_published_data_with_seqnum(table))


class Source(DataService):  # type: ignore[misc]
    """A datasource in a new process, which has not polled yet."""

    def __init__(self, node: Node) -> None:
        super().__init__("source")
        self.node = node
        self.state: set[tuple[str]] = set()
        node.publishers["source"] = self

    def get_snapshot(self, _table: str) -> set[tuple[str]]:
        return self.state

    def poll(self, *rows: str) -> None:
        self.state = {(row,) for row in rows}
        self.publish("table", self.state)


class Engine(DataService):  # type: ignore[misc]
    """Processes rows as congress.policy_engines.agnostic does: a whole table, or rows to add and to remove."""

    def __init__(self, node: Node) -> None:
        super().__init__("engine")
        self.node = node
        self.rows: set[str] = set()
        node.subscribers.append(self)

    def receive_data(self, publisher: str, table: str, data: Any, is_snapshot: bool = True) -> None:  # noqa: ARG002, FBT001, FBT002
        rows = [{row for (row,) in part} for part in ([data] if is_snapshot else data)]
        self.rows = rows[0] if is_snapshot else (self.rows - rows[1]) | rows[0]
