"""For scripts that are run by the Python that Congress is installed in: publisher and subscriber without a bus.

Both are Congress's own; what stands here is what its nodes do for them, and what its engines make of rows.
"""

from __future__ import annotations

import json
from typing import Any

import congress_runtime.patches.removed_names  # noqa: F401  what Python removed, which congress still imports
from congress.dse2.data_service import DataService


def through_json(data: Any) -> Any:
    """As the bus hands it on."""
    return json.loads(json.dumps(data))


class Node:
    """Publications reach all subscribers, questions their publisher."""

    def __init__(self) -> None:
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
        received = through_json(list(data))
        for subscriber in self.subscribers:
            subscriber.receive_data_sequenced(publisher, table, received, seqnum, is_snapshot)

    def subscribe_table(self, _subscriber: str, publisher: str, table: str) -> Any:
        return through_json(self.publishers[publisher].get_last_published_data_with_seqnum(table))


class Source(DataService):  # type: ignore[misc]
    """A new process each time; it has not polled yet."""

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
    """What congress.policy_engines.agnostic makes of rows: a whole table, or rows to add and to remove."""

    def __init__(self, node: Node) -> None:
        super().__init__("engine")
        self.node = node
        self.rows: set[str] = set()
        node.subscribers.append(self)

    def receive_data(self, publisher: str, table: str, data: Any, is_snapshot: bool = True) -> None:  # noqa: ARG002, FBT001, FBT002
        rows = [{row for (row,) in part} for part in ([data] if is_snapshot else data)]
        self.rows = rows[0] if is_snapshot else (self.rows - rows[1]) | rows[0]
