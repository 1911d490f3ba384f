"""Runs in Congress's virtual environment: an old object in a reference cycle becomes garbage.

usage: collector_period.py: prints one JSON object.
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
gc.collect()  # moves the cycle into the oldest generation
reference = weakref.ref(cycle)
del cycle
assert reference()
with eventlet.Timeout(20):
    while reference():
        eventlet.sleep(0)

before = gc.get_stats()[0]["collections"]
objects = [[] for _ in range(10_000)]  # type: ignore[var-annotated]
young = gc.get_stats()[0]["collections"] > before
print(json.dumps({"cycle": "freed", "young ones": young}))
