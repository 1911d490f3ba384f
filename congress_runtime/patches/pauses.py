"""Pauses for long work: it yields the event loop every 3 ms, so that the node serves requests meanwhile.

A request waits for one such interval of each long work whenever it waits for the database or keystone, about ten times.

Texts that are encoded or decoded take turns, so a request waits for a part of one text at a time, however many there
are. Evaluations take separate turns (patches.evaluation_pace).
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Any, Self

from eventlet import sleep
from eventlet.semaphore import Semaphore

SLICE = 0.003  # seconds between two pauses
CHECK_ITEMS = 200  # items between two reads of the clock

turns = Semaphore(1)


class Pauses:
    """Called repeatedly by long work that does not wait for anything; the work has a turn from its first pause on."""

    def __init__(self) -> None:
        self.has_turn = False
        self.slice = 0.0  # pause at the first call: the work before it may have been long, too

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release_turn()

    def __call__(self) -> None:
        if time.monotonic() - self.slice > SLICE:
            self.release_turn()
            sleep(0)
            self.has_turn = turns.acquire()
            self.slice = time.monotonic()

    def release_turn(self) -> None:
        if self.has_turn:
            self.has_turn = False
            turns.release()


def with_pauses(items: Iterable[Any]) -> Iterator[Any]:
    """Yield the items, with pauses but without turns: a consumer that stops early would never release its turn."""
    start = time.monotonic()
    for number, item in enumerate(items, 1):
        yield item
        if number % CHECK_ITEMS == 0 and time.monotonic() - start > SLICE:
            sleep(0)
            start = time.monotonic()
