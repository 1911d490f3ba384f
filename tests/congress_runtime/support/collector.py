"""Runs in Congress's virtual environment: the garbage collections that tables cause, and whether tables need them.

usage: collector.py ours|python ROWS: prints one JSON object. A table goes from a request to the bus, and from the bus
into an engine and a datasource.
"""

from __future__ import annotations

import gc
import json
import sys
from typing import Any

from tests.congress_runtime.support.engine_rows import Engine, apply, row

# isort: split
import kombu.serialization
from congress.api import webservice
from congress.dse2.data_service import DataService
from congress_runtime import collector
from congress_runtime.patches import evaluation, large_json, publish, row_requests
from congress_runtime.patches.row_requests import Rows
from oslo_messaging._drivers import common


class Bus:
    def publish_table_sequenced(self, *_: Any, **__: Any) -> None: ...


class Collections:
    """Counts full collections, and the `objects` that they traverse."""

    def __init__(self) -> None:
        self.count = self.objects = 0
        gc.callbacks.append(self.count_collection)

    def count_collection(self, phase: str, info: dict[str, int]) -> None:
        if phase == "start" and info["generation"] == 2:
            self.count += 1
            self.objects += len(gc.get_objects())


def sent(message: dict[str, Any]) -> Any:
    """The message as the receiving node gets it."""
    content_type, encoding, body = kombu.serialization.dumps(common.serialize_msg(message))
    return common.deserialize_msg(kombu.serialization.loads(body, content_type, encoding))["args"]


def pushed(values: tuple[Any, ...]) -> dict[str, Any]:
    return {"values": {f"column {number}": value for number, value in enumerate(values)}}


class Nodes:
    def __init__(self) -> None:
        self.engine, self.source = Engine(), DataService("cloud")
        self.source.node = Bus()

    def push(self, count: int, name: str) -> None:
        """Push a whole table with new rows."""
        body = json.dumps([pushed(row(number, name)) for number in range(count)])
        objects = Rows(webservice.json.loads(body))
        del body
        got = sent({"method": "replace", "args": {"objs": objects}})["objs"]
        rows = {tuple(one["values"].values()) for one in got}
        self.source.publish("servers", rows)
        data = sent({"method": "publish", "args": {"data": list(rows)}})["data"]
        self.engine.receive_data("cloud", "servers", data, is_snapshot=True)
        assert len(self.engine.holds()) == count


def main(which: str, size: str) -> None:
    apply()
    for patch in (evaluation, large_json, publish, row_requests):
        patch.apply()
    nodes, count = Nodes(), int(size)
    collector.start()
    if which == "python":
        gc.set_threshold(700, 10, 10)
    collections = Collections()
    nodes.push(count, "first")
    seen = {"collections": collections.count, "objects": collections.objects}
    gc.collect()
    seen["objects at rest"] = len(gc.get_objects())
    gc.disable()
    blocks = []
    for name in ("second", "third", "fourth"):
        nodes.push(count, name)
        blocks.append(sys.getallocatedblocks())
    print(json.dumps({**seen, "blocks": blocks}))


main(*sys.argv[1:])
