"""Runs in Congress's virtual environment: rows of a datasource are replaced and read.

Congress's own driver and API model, without a bus. usage: row_requests.py ours|upstream: prints one JSON object.
"""

from __future__ import annotations

import json
import sys
from types import SimpleNamespace
from typing import Any

import congress_runtime.patches.removed_names  # noqa: F401  names that congress imports and Python removed
from congress.common import config  # noqa: F401  registers options that the next imports read

# isort: split
from congress.api import row_model
from congress.api.webservice import DataModelException
from congress.datasources.doctor_driver import DoctorDriver
from congress.exception import NotFound
from congress_runtime.patches import pauses, publish, row_requests

from tests.acceptance.support.push import events
from tests.congress_runtime.support.green_threads import turns_of_others

pauses.SLICE = -1.0  # pause at each read of the clock
MANY = 2000


class Node:
    """A node without a bus, which records the publications."""

    def __init__(self) -> None:
        self.published: list[Any] = []

    def publish_table_sequenced(self, *publication: Any, **named: Any) -> None:
        self.published.append((publication, named))


class Rows(row_model.RowModel):  # type: ignore[misc]
    """Congress's model, whose RPC calls go directly to the driver."""

    def __init__(self, driver: Any) -> None:
        super().__init__("rows", bus=SimpleNamespace(rpc=self.call))
        self.driver, self.seen = driver, ""

    def call(self, _service: str, name: str, arguments: dict[str, Any], **_: object) -> Any:
        named = {key: value for key, value in arguments.items() if key not in {"source_id", "trace"}}
        if "objs" in named:
            self.seen = str(named["objs"])
        return getattr(self.driver, name)(**named)


def main(which: str) -> None:
    if which == "ours":
        publish.apply()
        row_requests.apply()
    row_model.api_utils.get_id_from_context = lambda _context: ("doctor", "id")
    driver = DoctorDriver("doctor")
    driver.node = Node()
    rows, context, answers = Rows(driver), {"ds_id": "id", "table_id": "events"}, []
    seen: dict[str, Any] = {
        "put": turns_of_others(lambda: rows.replace_items(events(MANY), {}, context))[1],
        "written into a text": len(rows.seen) > MANY,
        "put again": turns_of_others(lambda: rows.replace_items(events(MANY, changed=1), {}, context))[1],
        "asked for": turns_of_others(lambda: answers.append(rows.get_items({}, context)))[1],
    }
    (answer,) = answers
    seen["answered"] = [len(answer["results"]), min(answer["results"], key=str)]
    (_, _, (added, removed), is_snapshot, number), _ = driver.node.published[-1]
    seen["published"] = [len(added), len(removed), is_snapshot, number]
    rows.replace_items(events(MANY, changed=1), {}, context)
    seen["publications"] = len(driver.node.published)
    for what, refused in (("no list", "text"), ("no object", [1])):
        try:
            rows.replace_items(refused, {}, context)
        except Exception as error:  # noqa: BLE001
            seen[what] = f"{type(error).__name__}: {error}"
    try:
        rows.get_items({}, {"ds_id": "id", "table_id": "unknown"})
    except (DataModelException, NotFound) as error:
        seen["unknown"] = str(error)
    print(json.dumps(seen))


main(*sys.argv[1:])
