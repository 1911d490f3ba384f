"""Waiting for a condition, with a deadline and a reason."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_for(what: str, seconds: float, condition: Callable[[], T | None], pause: float = 0.3) -> T:
    """Return the condition's first true value; AssertionError that names `what` at the deadline."""
    end = time.monotonic() + seconds
    while True:
        try:
            value, problem = condition(), ""
        except (AssertionError, OSError, LookupError) as error:
            value, problem = None, f": {error}"
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds:.0f} s: {what}{problem}")
        time.sleep(pause)
