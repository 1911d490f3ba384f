"""Run by the Python that Congress is installed in: what was there for long becomes garbage in a cycle.

usage: collected_each_minute.py: prints one JSON object.
"""

from __future__ import annotations

import gc
import json
import weakref

import eventlet
from congress_runtime import collector


class Cycle:
    def __init__(self) -> None:
        self.itself = self


collector.PERIOD = 0.0
collector.start()
cycle = Cycle()
gc.collect()  # as one that has outlived two collections
freed = weakref.ref(cycle)
del cycle
assert freed()
with eventlet.Timeout(20):
    while freed():
        eventlet.sleep(0)

before = gc.get_stats()[0]["collections"]
kept = [[] for _ in range(10_000)]  # type: ignore[var-annotated]
young = gc.get_stats()[0]["collections"] > before
print(json.dumps({"cycle": "freed", "young ones": young}))
