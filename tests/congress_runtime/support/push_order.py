"""Runs in Congress's virtual environment: the rows that remain of pushes that arrive while an earlier one is applied.

Congress's own drivers, without a bus and a database.
usage: push_order.py ours|"row_requests alone"|upstream: prints one JSON object.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import congress_runtime.patches.removed_names  # noqa: F401  what Python removed, which congress still imports
from congress.common import config  # noqa: F401  registers options that are read by what follows

# isort: split
import eventlet
from congress.datasources import datasource_driver
from congress.datasources.doctor_driver import DoctorDriver
from congress.datasources.push_driver import PushDriver
from congress_runtime.patches import pauses, publish, push_order, row_requests

from tests.acceptance.support.push import events

pauses.SLICE = -1.0  # a pause at each look at the clock
MANY = 2000
FIRST, SECOND, THIRD = MANY, 1000, 3


class Doctor(DoctorDriver):  # type: ignore[misc]
    """A notification adds a row."""

    def _webhook_handler(self, payload: Any) -> list[str]:
        self.state["events"].add(payload)
        return ["events"]


class Node:
    """It publishes to nobody."""

    def publish_table_sequenced(self, *_: Any, **__: Any) -> None: ...


def made(kind: Any) -> Any:
    driver = kind("pushed")
    driver.node, driver.ds_id, driver.persist_data = Node(), "id", True
    return driver


def at_once(*requests: Any) -> None:
    """Push several times: each push begins before the next one arrives."""
    threads = []
    for request in requests:
        threads.append(eventlet.spawn(*request))
        eventlet.sleep(0)
    for thread in threads:
        thread.wait()


def main(which: str) -> None:
    if which != "upstream":
        publish.apply()
        row_requests.apply()
    if which == "ours":
        push_order.apply()
    stored: list[int] = []

    def store(_datasource: str, _table: str, rows: Any) -> None:
        """A database that needs more turns of the loop for more rows."""
        count = len(rows)
        for _ in range(count):
            eventlet.sleep(0)
        stored.append(count)

    datasource_driver.db_ds_table_data.store_ds_table_data = store
    doctor = made(Doctor)
    at_once(
        *((doctor.replace_entire_table_data, "events", events(count)) for count in (FIRST, SECOND, THIRD))
    )
    seen: dict[str, Any] = {"doctor": len(doctor.state["events"]), "stored": list(stored)}
    push = made(PushDriver)
    at_once(
        *(
            (push.replace_entire_table_data, "data", [[number, "x"] for number in range(count)])
            for count in (FIRST, SECOND, THIRD)
        )
    )
    seen["push"] = len(push.state["data"])
    notified = made(Doctor)
    at_once(
        (notified.replace_entire_table_data, "events", events(FIRST)),
        (notified.process_webhook_notification, ("notified",)),
    )
    seen["a notification behind a push"] = len(notified.state["events"])
    refused = made(Doctor)
    try:
        refused.replace_entire_table_data("events", [1])
    except Exception as error:  # noqa: BLE001
        seen["refused"] = type(error).__name__
    refused.replace_entire_table_data("events", events(THIRD))
    seen["after one that was refused"] = len(refused.state["events"])
    print(json.dumps(seen))


main(*sys.argv[1:])
