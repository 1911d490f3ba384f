"""Runs in Congress's virtual environment: histories of a datasource with webhooks, a JSON list a line of input.

usage: webhook_histories.py ours|upstream: prints one line for each history, with what is seen after each step.
`upstream` has upstream's handlers, and our patches of what comes before and after them. The drivers and the publication
are Congress's own, with a bus and a database of this module.
"""

from __future__ import annotations

import json
import sys
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import congress_runtime.patches.removed_names  # noqa: F401  names that congress imports and Python removed

# isort: split
import congress.server  # noqa: F401  patches the standard library for eventlet
from congress.common import config  # noqa: F401  registers options that the next imports read

# isort: split
import eventlet
from congress.datasources import datasource_driver, monasca_driver, vitrage_driver
from congress.dse2.data_service import DataService
from congress_runtime.patches import (
    monasca_webhook,
    polls,
    publish,
    push_order,
    row_requests,
    vitrage_webhook,
)

database = datasource_driver.db_ds_table_data
DRIVERS = {"vitrage": vitrage_driver.VitrageDriver, "monasca": monasca_driver.MonascaWebhookDriver}
TABLES = {"vitrage": "alarms", "monasca": monasca_driver.NOTIFICATIONS}


class Clock(datetime):
    """It stands still, so that both processes see the same times."""

    now_is = datetime(2026, 1, 1)  # noqa: DTZ001  as upstream's

    @classmethod
    def utcnow(cls) -> Any:
        return cls.now_is


vitrage_driver.datetime = monasca_driver.datetime = Clock


def shown(rows: Any) -> list[str]:
    """The rows with the types of their values."""
    return sorted(repr(tuple(row)) for row in rows)


class Engine(DataService):  # type: ignore[misc]
    """Processes publications as the policy engine does."""

    def __init__(self, node: Any) -> None:
        super().__init__("engine")
        self.node = node
        self.rows: dict[str, set[Any]] = {}

    def receive_data(self, _publisher: str, table: str, data: Any, is_snapshot: bool = True) -> None:  # noqa: FBT001, FBT002
        added, removed = (set(map(tuple, part)) for part in ((data, []) if is_snapshot else data))
        self.rows[table] = added if is_snapshot else self.rows[table] - removed | added


class History:
    """A node with one datasource and one engine, and the database that persists the datasource's tables."""

    def __init__(self, driver: str) -> None:
        self.kind, self.table = driver, TABLES[driver]
        self.stored: dict[str, str] = {}
        self.sent: list[Any] = []
        self.refusing = 0
        database.store_ds_table_data = self.store
        database.get_ds_table_data = self.read
        self.engine = Engine(self)
        Clock.now_is = datetime(2026, 1, 1)  # noqa: DTZ001
        self.start()

    def store(self, _id: str, table: str, rows: Any) -> None:
        eventlet.sleep(0)
        self.stored[table] = database._json_encode_table_data(rows)  # noqa: SLF001

    def read(self, _id: str) -> list[Any]:
        decode = database._json_decode_table_data  # noqa: SLF001
        return [{"tablename": table, "tabledata": decode(text)} for table, text in self.stored.items()]

    def start(self) -> None:
        self.source = DRIVERS[self.kind]("source", {"persist_data": "True", "ds_id": "id"})
        self.source.node = self

    def publish_table_sequenced(
        self,
        publisher: str,
        table: str,
        data: Any,
        is_snapshot: bool,  # noqa: FBT001
        seqnum: int,
    ) -> None:
        parts = [data] if is_snapshot else data
        self.sent.append([table, is_snapshot, seqnum, *map(shown, parts)])
        message = json.loads(json.dumps(list(data)))
        eventlet.sleep(0)
        if self.refusing:
            self.refusing -= 1
            raise ConnectionError
        self.engine.receive_data_sequenced(publisher, table, message, seqnum, is_snapshot)

    def subscribe_table(self, _subscriber: str, _publisher: str, table: str) -> Any:
        number, rows = self.source.get_last_published_data_with_seqnum(table)
        self.sent.append(["asked", table, number, shown(rows)])
        return json.loads(json.dumps([number, rows]))

    def alarm(self, id_: Any, value: Any, age: int, *, complete: bool) -> dict[str, Any]:
        time = Clock.now_is - timedelta(days=age)
        if self.kind == "vitrage":
            stamp = time.strftime(vitrage_driver.TIMESTAMP_FORMAT)
            alarm = {"vitrage_id": id_, "name": value, "update_timestamp": stamp}
            return {**alarm, "resource": {"name": value}} if complete else alarm
        metrics = [{"id": name, "name": value, "dimensions": {"host": value}} for name in ("m", "n")]
        seconds = (time - datetime(1970, 1, 1)).total_seconds()  # noqa: DTZ001
        return {
            "alarm_id": id_,
            "alarm_name": value,
            "alarm_timestamp": seconds,
            "metrics": metrics if complete else 1,
        }

    def webhook(self, id_: Any, value: Any, age: int, complete: bool = True) -> None:  # noqa: FBT001, FBT002
        alarm = self.alarm(id_, value, age, complete=complete)
        self.source.process_webhook_notification({"payload": alarm} if self.kind == "vitrage" else alarm)

    def nonsense(self, payload: Any) -> None:
        self.source.process_webhook_notification(payload)

    def push(self, alarms: list[Any]) -> None:
        objects = [self.alarm(*alarm, complete=True) for alarm in alarms]
        self.source.replace_entire_table_data(self.table, objects)

    def at_once(self, steps: list[Any]) -> None:
        threads = []
        for step in steps:
            threads.append(eventlet.spawn(partial(self.tried, *step)))
            eventlet.sleep(0)
        self.sent.append([thread.wait() for thread in threads])

    def drop_old(self) -> None:
        # After a restart, tables are missing that were never stored; the task then fails after any of its rows.
        if set(self.source.state) == self.source.get_tablenames():
            self.source.periodic_tasks._works[0]()  # noqa: SLF001

    def refuse(self) -> None:
        self.refusing += 1

    def wait(self) -> None:
        Clock.now_is += timedelta(days=1)

    def replace(self) -> None:
        """Replace the table by another object with one row less, as code does that knows nothing of webhooks."""
        self.source.state[self.table] = set(sorted(self.source.state[self.table], key=repr)[1:])

    def publish_less(self) -> None:
        """Publish something other than the table itself."""
        self.source.publish(self.table, sorted(self.source.state[self.table], key=repr)[1:])

    def subscribe(self) -> None:
        for table in sorted(self.source.get_tablenames()):
            self.engine.subscribe("source", table)

    def restart(self) -> None:
        self.end()
        self.start()

    def end(self) -> None:
        """End the driver's periodic task, which would keep the driver."""
        eventlet.kill(self.source.periodic_tasks_thread)
        self.source.periodic_tasks = self.source.periodic_tasks_thread = None

    def tried(self, action: str, *arguments: Any) -> str:
        try:
            getattr(self, action)(*arguments)
        except Exception as error:  # noqa: BLE001  the type of the error is the result
            return type(error).__name__
        return "done"

    def step(self, *step: Any) -> dict[str, Any]:
        result, sent = self.tried(*step), self.sent
        self.sent = []
        return {
            "result": result,
            "sent": sent,
            "tables": {table: shown(rows) for table, rows in self.source.state.items()},
            "API": {table: len(self.source.get_row_data(table)) for table in self.source.state},
            "stored": {table: shown(json.loads(text)) for table, text in self.stored.items()},
            "engine": {table: shown(rows) for table, rows in self.engine.rows.items()},
        }


def main(which: str) -> None:
    for patch in (publish, push_order, row_requests, polls):
        patch.apply()
    if which == "ours":
        vitrage_webhook.apply()
        monasca_webhook.apply()
    for line in sys.stdin:
        driver, steps = json.loads(line)
        history = History(driver)
        print(json.dumps([history.step(*step) for step in steps]), flush=True)
        history.end()


main(*sys.argv[1:])
