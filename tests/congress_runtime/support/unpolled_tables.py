"""Runs in Congress's virtual environment: tables that no poll publishes, over a restart of the datasource node.

Congress's own drivers, publisher, subscriber and heartbeat, connected without a bus. With the argument `upstream`:
without the patches. Prints one JSON object: event -> the engine's rows.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import eventlet

from tests.congress_runtime.support import fake_bus

# isort: split
from congress.common import config
from congress.datasources.datasource_driver import PollingDataSourceDriver, PushedDataSourceDriver
from congress.dse2.dse_node import DseNode

VALUE = {"translation-type": "VALUE"}
TRANSLATOR = {
    "translation-type": "HDICT",
    "table-name": "table",
    "selector-type": "DICT_SELECTOR",
    "field-translators": ({"fieldname": "row", "translator": VALUE},),
}


def objects(rows: tuple[str, ...]) -> list[dict[str, str]]:
    return [{"row": row} for row in rows]


class Node(fake_bus.Node):
    """A node with one datasource, and the engines that it knows by their heartbeats."""

    update = DseNode._update_tables_with_subscriber  # noqa: SLF001

    def __init__(self) -> None:
        super().__init__()
        self.subscriptions: dict[str, Any] = {}
        self.peers: dict[str, Any] = {}

    def dse_status(self) -> dict[str, Any]:
        return {"peers": self.peers}

    def get_services(self) -> list[Any]:
        return list(self.publishers.values())

    def started(self, datasource: Any) -> Any:
        """A new process of the datasource node, which learns of the engine."""
        datasource.node, self.publishers = self, {"source": datasource}
        return datasource

    def heartbeat(self) -> None:
        self.peers = {"engine": {"subscribed_tables": {"source": {"table"}}}}
        self.update()
        eventlet.sleep(0)


class Pushed(PushedDataSourceDriver):  # type: ignore[misc]
    TRANSLATORS = (TRANSLATOR,)

    def push(self, *rows: str) -> None:
        self.replace_entire_table_data("table", objects(rows))


class Polled(PollingDataSourceDriver):  # type: ignore[misc]
    """`rows`: of the cloud."""

    TRANSLATORS = (TRANSLATOR,)

    def __init__(self, *rows: str, lazy: bool = False) -> None:
        super().__init__("source", {"lazy_tables": ["table"] if lazy else []})
        self.rows = rows
        self.add_update_method(self.read, TRANSLATOR)

    def read(self) -> None:
        self._update_state("table", self.convert_objs(objects(self.rows), TRANSLATOR))


def engine_of(node: Node, first: Any) -> fake_bus.Engine:
    engine = fake_bus.Engine(node)
    node.started(first)
    engine.subscribe("source", "table")
    return engine


def pushed() -> dict[str, list[str]]:
    node, source = Node(), Pushed("source", {})
    engine = engine_of(node, source)
    source.push("old")
    seen = {"pushed": sorted(engine.rows)}
    source = node.started(Pushed("source", {}))
    node.heartbeat()
    seen["pushed: not again by the new process"] = sorted(engine.rows)
    source.push("new")
    node.heartbeat()
    return seen | {"pushed: again": sorted(engine.rows)}


def pushed_at_once() -> dict[str, list[str]]:
    """The push comes before the heartbeat's publication."""
    node, source = Node(), Pushed("source", {})
    engine = engine_of(node, source)
    source.push("old")
    source = node.started(Pushed("source", {}))
    source.push("new")
    node.heartbeat()
    return {"pushed: before the engine is known": sorted(engine.rows)}


def polled(*, lazy: bool) -> list[str]:
    node, source = Node(), Polled("old", lazy=lazy)
    engine = engine_of(node, source)
    source.poll()
    node.started(Polled("new", lazy=lazy))
    node.heartbeat()
    return sorted(engine.rows)


def main() -> None:
    config.init([])
    if sys.argv[1:] != ["upstream"]:
        from congress_runtime.patches import publish, unpolled_tables  # noqa: PLC0415

        publish.apply()
        unpolled_tables.apply()
    seen = {
        **pushed(),
        **pushed_at_once(),
        "lazy: not polled by the new process": polled(lazy=True),
        "eager: not polled yet": polled(lazy=False),
    }
    print(json.dumps(seen))


main()
