"""For scripts that run in Congress's virtual environment: whether a task lets other green threads run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import eventlet


def turns_of_others(task: Callable[[], Any]) -> tuple[Any, int]:
    """The result of `task`, and how often another green thread ran meanwhile."""
    turns = 0

    def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            eventlet.sleep(0)

    other = eventlet.spawn(count)
    eventlet.sleep(0)
    before = turns
    try:
        result = task()
        return result, turns - before
    finally:
        other.kill()
