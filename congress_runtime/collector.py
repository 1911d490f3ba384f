"""Run Python's full garbage collections every ten seconds, and not when a large table arrives.

Rows in an engine do not slow the collector down: they are tuples of texts and numbers, which it does not traverse, and
reference counts free them. But the dictionaries of a request or an answer with 100,000 rows let the process grow by
more than a quarter, again and again. Each time, Python runs a full collection: the loop stands still two or three times
for each table, and nothing is collected.

Python still collects young objects by itself (generations 0 and 1), which takes a millisecond. Reference cycles that
survive this and become garbage later wait for the next full collection. A request leaves some: about 15 KiB, and also
its body if the request took long.
"""

import gc

from eventlet import sleep, spawn_n

PERIOD = 10.0  # seconds
NEVER = 10**9


def start() -> None:
    """Start the collections, without the objects that exist now: modules, which stay."""
    gc.freeze()
    young, middle, _ = gc.get_threshold()
    gc.set_threshold(young, middle, NEVER)
    gc.enable()
    spawn_n(collect)


def collect() -> None:
    while True:
        sleep(PERIOD)
        gc.collect()
