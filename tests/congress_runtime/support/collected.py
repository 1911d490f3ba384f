"""Run by the Python that Congress is installed in: what tables cost its garbage collector, and whether they need it.

usage: collected.py ours|python ROWS: prints one JSON object. A table is taken from a request to the bus, and from the
bus into an engine and a datasource.
"""

from __future__ import annotations

import gc
import json
import sys
from typing import Any

from tests.congress_runtime.support.rows_of_engine import Engine, arm, row

# isort: split
import kombu.serialization
from congress.api import webservice
from congress.dse2.data_service import DataService
from congress_runtime import collector
from congress_runtime.patches import evaluation, large_json, publish, row_requests
from congress_runtime.patches.row_requests import Rows
from oslo_messaging._drivers import common


class Bus:
    def publish_table_sequenced(self, *_: Any, **__: Any) -> None:
        """There is none."""


class Collections:
    """Of everything; `objects` that they went through."""

    def __init__(self) -> None:
        self.count = self.objects = 0
        gc.callbacks.append(self.see)

    def see(self, phase: str, told: dict[str, int]) -> None:
        if phase == "start" and told["generation"] == 2:
            self.count += 1
            self.objects += len(gc.get_objects())


def sent(message: dict[str, Any]) -> Any:
    """What a node gets that is sent this."""
    content_type, encoding, body = kombu.serialization.dumps(common.serialize_msg(message))
    return common.deserialize_msg(kombu.serialization.loads(body, content_type, encoding))["args"]


def pushed(values: tuple[Any, ...]) -> dict[str, Any]:
    return {"values": {f"column {number}": value for number, value in enumerate(values)}}


class Nodes:
    def __init__(self) -> None:
        self.engine, self.source = Engine(), DataService("cloud")
        self.source.node = Bus()

    def push(self, count: int, name: str) -> None:
        """A whole table, of which no row was there before."""
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
    arm()
    for patch in (evaluation, large_json, publish, row_requests):
        patch.arm()
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
