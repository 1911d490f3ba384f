"""Runs in Congress's virtual environment: create a vitrage datasource, push rows, stop it as a deletion does.

usage: vitrage_stop.py ours|upstream: prints "in memory" or "freed".
"""

from __future__ import annotations

import gc
import os
import sys
import weakref
from importlib.metadata import distribution

import congress_runtime.patches.removed_names  # noqa: F401  names that congress imports and Python removed

# isort: split
import congress.server  # noqa: F401  patches the standard library for eventlet
from congress.common import config  # noqa: F401  registers options that the next imports read

# isort: split
import eventlet
from congress_runtime.patches.drivers import Drivers


class Server:
    """Stands in for the RPC server of the bus."""

    def stop(self) -> None: ...


def main(which: str) -> str:
    entries = distribution("openstack-congress").entry_points.select(group="congress.datasource.drivers")
    by_name = {entry.name: entry for entry in entries}
    driver = by_name["vitrage"].load()
    if which == "ours":
        driver = Drivers(by_name).get("vitrage").plugin  # type: ignore[union-attr]
    source = driver("v", {"persist_data": "False"})
    source.publish = lambda *_: None
    source.node, source._rpc_server = True, Server()  # noqa: SLF001
    eventlet.sleep(0.1)  # its task starts to wait
    source.process_webhook_notification({"payload": {"vitrage_id": "1", "resource": {}}})
    reference = weakref.ref(source)
    source.stop()
    del source
    eventlet.sleep(0.1)  # its task ends
    gc.collect()
    return "in memory" if reference() else "freed"


print(main(*sys.argv[1:]), flush=True)
# With upstream's periodic task, the process would not end by itself.
os._exit(0)
