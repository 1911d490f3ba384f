"""Runs in Congress's virtual environment: what a webhook that changes one row costs the datasource node.

usage: webhook_cost.py ours|upstream ROWS...: prints one JSON object: driver -> {"rows touched": for each of ROWS, how
often a row was read, compared or looked up, in each of the webhooks; "seconds": for each of ROWS, the processor time}.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from importlib.metadata import distribution
from typing import Any

import congress_runtime.patches.removed_names  # noqa: F401  names that congress imports and Python removed

# isort: split
import congress.server  # noqa: F401  patches the standard library for eventlet
from congress.common import config  # noqa: F401  registers options that the next imports read

# isort: split
from congress.datasources.datasource_driver import DataSourceDriver
from congress_runtime import patches
from congress_runtime.patches.drivers import Drivers

BATCHES, BATCH = 10, 20


class Node:
    """It publishes to nobody."""

    def publish_table_sequenced(self, *_: Any, **__: Any) -> None: ...


class Row(tuple[Any, ...]):
    """Counts its uses."""

    __slots__ = ()
    touched = 0

    def __hash__(self) -> int:
        Row.touched += 1
        return super().__hash__()

    def __eq__(self, other: object) -> bool:
        Row.touched += 1
        return super().__eq__(other)

    def __getitem__(self, index: Any) -> Any:
        Row.touched += 1
        return super().__getitem__(index)


def vitrage_alarm(number: int, value: str = "") -> dict[str, Any]:
    stamp = "2999-01-01T00:00:00Z"
    return {"vitrage_id": f"a-{number}", "update_timestamp": stamp, "name": value, "resource": {"id": number}}


def monasca_alarm(number: int, value: str = "") -> dict[str, Any]:
    metrics = [{"id": f"m-{number}", "name": value, "dimensions": {"host": f"h-{number}"}}]
    return {"alarm_id": f"a-{number}", "alarm_timestamp": 3e10, "alarm_name": value, "metrics": metrics}


DRIVERS: dict[str, tuple[str, Callable[..., Any], Callable[..., Any]]] = {
    "vitrage": ("alarms", vitrage_alarm, lambda alarm: {"payload": alarm}),
    "monasca_webhook": ("alarm_notification", monasca_alarm, lambda alarm: alarm),
}


def source_with(plugin: Any, name: str, size: int) -> Callable[[str], None]:
    """A function that changes one row of a datasource with so many rows in each table."""
    table, alarm, payload = DRIVERS[name]
    source = plugin(name, {"persist_data": "False"})
    source.node = Node()
    source.replace_entire_table_data(table, [alarm(number) for number in range(size)])
    assert {len(rows) for rows in source.state.values()} == {size}

    def change(value: str) -> None:
        source.process_webhook_notification(payload(alarm(0, value)))

    change("first")  # the first webhook after a whole table looks at all of it
    return change


def touched(change: Callable[[str], None]) -> list[int]:
    counts = []
    for number in range(5):
        before = Row.touched
        change(f"touched-{number}")
        counts.append(Row.touched - before)
    return counts


def seconds(change: Callable[[str], None]) -> float:
    def batch(number: int) -> float:
        began = time.process_time()
        for value in range(BATCH):
            change(f"{number}-{value}")
        return (time.process_time() - began) / BATCH

    return min(map(batch, range(BATCHES)))


def main(which: str, *sizes: str) -> None:
    entries = distribution("openstack-congress").entry_points.select(group="congress.datasource.drivers")
    drivers = {entry.name: entry for entry in entries}
    if which == "ours":
        patches.apply(patches.NODE, patches.DATASOURCE_NODE)
    loaded = Drivers(drivers)
    convert = DataSourceDriver.convert_objs.__func__

    def counted(cls: Any, objects: Any, translator: Any) -> Any:
        return [(table, Row(row)) for table, row in convert(cls, objects, translator)]

    DataSourceDriver.convert_objs = classmethod(counted)
    costs: dict[str, Any] = {}
    for name in DRIVERS:
        plugin = loaded.get(name).plugin if which == "ours" else drivers[name].load()  # type: ignore[union-attr]
        costs[name] = {"rows touched": [], "seconds": []}
        for size in map(int, sizes):
            change = source_with(plugin, name, size)
            costs[name]["rows touched"].append(touched(change))
            costs[name]["seconds"].append(seconds(change))
    print(json.dumps(costs), flush=True)


main(*sys.argv[1:])
# With upstream's periodic tasks, the process would not end by itself.
os._exit(0)
