"""Long work that hands the loop on each 3 ms, so that a node answers others meanwhile.

A request waits for a slice of each work at every answer of database and keystone that it needs, ten of them or so.

Texts that are encoded or decoded take turns, so that a request waits for a piece of one at a time, however many there
are. An evaluation has turns of its own (patches.evaluation_pace): while it has one, nobody else may depend on it.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Any, Self

from eventlet import sleep
from eventlet.semaphore import Semaphore

SLICE = 0.003  # seconds between two pauses
OFTEN = 200  # items between two looks at the clock

turns = Semaphore(1)


class Pauses:
    """Called again and again by long work that waits for nothing; it has a turn from its first pause on."""

    def __init__(self) -> None:
        self.has_turn = False
        self.slice = 0.0  # what led to it may have lasted, too

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.give_turn()

    def __call__(self) -> None:
        if time.monotonic() - self.slice > SLICE:
            self.give_turn()
            sleep(0)
            self.has_turn = turns.acquire()
            self.slice = time.monotonic()

    def give_turn(self) -> None:
        if self.has_turn:
            self.has_turn = False
            turns.release()


def with_pauses(items: Iterable[Any]) -> Iterator[Any]:
    """Without turns: who takes the items may end before them, and be kept, by an error's traceback."""
    begin = time.monotonic()
    for number, item in enumerate(items, 1):
        yield item
        if number % OFTEN == 0 and time.monotonic() - begin > SLICE:
            sleep(0)
            begin = time.monotonic()
