"""Let Python's garbage collector go through everything once a minute, and not because a large table came.

Rows cost it nothing once they are taken in: they are tuples of texts and numbers, which it forgets, and their reference
counts free them. But the dictionaries of a request or an answer with 100,000 rows let the process grow by more than a
quarter, again and again. Each time Python goes through everything: the loop stands still two or three times for each
table, and nothing is found.

Python still collects what is young by itself (generations 0 and 1, a millisecond). Cycles that outlive that and become
garbage wait for the minute.
"""

import gc

from eventlet import sleep, spawn_n

MINUTE = 60.0
NEVER = 10**9


def start() -> None:
    """Begin to collect, without what is there already: modules, which stay."""
    gc.freeze()
    young, middle, _ = gc.get_threshold()
    gc.set_threshold(young, middle, NEVER)
    gc.enable()
    spawn_n(collect)


def collect() -> None:
    while True:
        sleep(MINUTE)
        gc.collect()
