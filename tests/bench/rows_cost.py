"""Run by Congress's Python: the cost of rows for an engine and a datasource node.

usage: rows_cost.py ours|upstream ROWS: prints one JSON object. Seconds are processor time.
"""

from __future__ import annotations

import itertools
import json
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import eventlet

from tests.congress_runtime.support.engine_rows import Engine, apply, row, rows

# isort: split
from congress.dse2.data_service import DataService
from congress_runtime import collector
from congress_runtime.patches import evaluation, evaluation_triggers, evaluation_undone, publish
from oslo_messaging._drivers import common
from oslo_serialization import jsonutils


class Bus:
    """A transport without receivers; `sent` is what oslo.messaging would pass to RabbitMQ."""

    sent = ""

    def publish_table_sequenced(
        self,
        publisher: str,
        table: str,
        data: Any,
        is_snapshot: bool,  # noqa: FBT001
        seqnum: int,
    ) -> None:
        arguments = {
            "publisher": publisher,
            "table": table,
            "data": data,
            "is_snapshot": is_snapshot,
            "seqnum": seqnum,
        }
        message = {"method": "handle_publish_sequenced", "args": arguments}
        self.sent = jsonutils.dumps(common.serialize_msg(message))

    def received(self) -> Any:
        return common.deserialize_msg(jsonutils.loads(self.sent))["args"]["data"]


def seconds(task: Callable[[], object]) -> float:
    began = time.process_time()
    task()
    return time.process_time() - began


def longest(task: Callable[[], object]) -> float:
    """The longest time without a turn for others."""
    turns = [time.process_time()]

    def look() -> None:
        while True:
            eventlet.sleep(0)
            turns.append(time.process_time())

    other = eventlet.spawn(look)
    eventlet.sleep(0)
    task()
    other.kill()
    turns.append(time.process_time())
    return max(b - a for a, b in itertools.pairwise(turns))


def memory(what: str) -> float:
    """VmRSS or VmHWM of this process, MB."""
    with open("/proc/self/status") as status:  # noqa: PTH123
        return next(int(line.split()[1]) for line in status if line.startswith(what)) / 1024


def main(which: str, count: int) -> dict[str, float]:
    publish.apply()
    if which == "ours":
        apply()
        for patch in (evaluation, evaluation_triggers, evaluation_undone):
            patch.apply()
    collector.start()
    seen: dict[str, float] = {}
    source, bus, engine = DataService("cloud"), Bus(), Engine()
    source.node = bus
    state = set(rows(count))
    seen["first publication"] = seconds(lambda: source.publish("servers", state))
    seen["MB on the bus"] = len(bus.sent) / 1e6
    seen["publication without a change"] = seconds(lambda: source.publish("servers", set(state)))
    got: list[Any] = []
    seen["decoded"] = seconds(lambda: got.extend(bus.received()))
    before = memory("VmRSS")
    take_in = partial(engine.receive_data, "cloud", "servers")
    seen["whole table: longest pause"] = longest(lambda: take_in(got, is_snapshot=True))
    seen["memory of the rows, MB"] = memory("VmRSS") - before
    seen["whole table"] = seconds(lambda: take_in(got, is_snapshot=True))
    seen["sync without a change"] = seconds(lambda: engine.process_policy_update([]))
    seen["one row changed"] = seconds(lambda: take_in([[row(-1)], [row(0)]]))
    changed = [list(map(list, map(partial(row, name="new"), range(count)))), got]
    seen["each row replaced: longest pause"] = longest(lambda: take_in(changed))
    seen["at most, MB"] = memory("VmHWM")
    return seen


print(json.dumps(main(sys.argv[1], int(sys.argv[2]))))
