"""Looking again and again until something is as it has to be, or the time is up."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from tenacity import Retrying, retry_if_not_result, stop_after_delay, wait_fixed

T = TypeVar("T")


def last_look(seconds: float, pause: float, look: Callable[[], T], enough: Callable[[T], bool]) -> T:
    """The first look that is enough, or the last one before the deadline. What a look raises is raised."""
    looks = Retrying(
        stop=stop_after_delay(seconds),
        wait=wait_fixed(pause),
        retry=retry_if_not_result(enough),
        retry_error_callback=lambda state: state.outcome.result() if state.outcome else None,
    )
    found: T = looks(look)
    return found
