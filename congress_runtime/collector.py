"""Let Python's garbage collector go through everything each ten seconds, and not because a large table came.

Rows cost it nothing once they are taken in: they are tuples of texts and numbers, which it forgets, and their reference
counts free them. But the dictionaries of a request or an answer with 100,000 rows let the process grow by more than a
quarter, again and again. Each time Python goes through everything: the loop stands still two or three times for each
table, and nothing is found.

Python still collects what is young by itself (generations 0 and 1, a millisecond). Cycles that outlive that and become
garbage wait for the next time. A request leaves some: about 15 KiB, and its body where it was under way for long.
"""

import gc

from eventlet import sleep, spawn_n

PERIOD = 10.0  # seconds
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
        sleep(PERIOD)
        gc.collect()
