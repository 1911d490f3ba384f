"""Run by the Python that Congress is installed in: an engine's rows over restarts of the datasource node.

Congress's own publisher and subscriber, put together without a bus. `upstream` as argument: without congress_publish.
Prints one JSON object: name of what happened -> the engine's rows.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import congress_compat  # noqa: F401  what Python removed, which congress still imports
from congress.dse2.data_service import DataService


class Node:
    """The bus: publications reach all subscribers, questions their publisher, both through JSON."""

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
        received = json.loads(json.dumps(list(data)))
        for subscriber in self.subscribers:
            subscriber.receive_data_sequenced(publisher, table, received, seqnum, is_snapshot)

    def subscribe_table(self, _subscriber: str, publisher: str, table: str) -> Any:
        return json.loads(json.dumps(self.publishers[publisher].get_last_published_data_with_seqnum(table)))


class Source(DataService):  # type: ignore[misc]
    """A new process each time; it has not polled yet."""

    def __init__(self, node: Node) -> None:
        super().__init__("source")
        self.node = node
        self.state: dict[str, set[tuple[str]]] = {}
        node.publishers["source"] = self

    def get_snapshot(self, table: str) -> set[tuple[str]]:
        return self.state.get(table, set())

    def poll(self, *rows: str) -> None:
        self.state["table"] = {(row,) for row in rows}
        self.publish("table", self.state["table"])


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


def main() -> None:
    if sys.argv[1:] != ["upstream"]:
        import congress_publish  # noqa: PLC0415

        congress_publish.arm()
    seen = {}
    node = Node()
    engine, source = Engine(node), Source(node)
    engine.subscribe("source", "table")
    source.poll("old", "kept")
    source.poll("older", "kept")
    seen["polled"] = sorted(engine.rows)
    source = Source(node)
    source.poll("kept", "new")
    seen["a row went while no node ran"] = sorted(engine.rows)
    source.poll("kept", "newer")
    seen["the next difference"] = sorted(engine.rows)
    source = Source(node)
    source.poll()
    seen["all rows went"] = sorted(engine.rows)
    source.poll("some")
    source = Source(node)
    late = Engine(node)
    late.subscribe("source", "table")
    seen["before the first poll"] = sorted(engine.rows)
    source.poll("fresh")
    seen["another engine asked first"] = sorted(engine.rows)
    seen["the one that asked"] = sorted(late.rows)
    later = Engine(node)
    later.subscribe("source", "table")
    source.poll("fresh", "fresher")
    seen["one that came later"] = sorted(later.rows)
    print(json.dumps(seen))


main()
