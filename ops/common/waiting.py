"""Polling until an observation is acceptable or a deadline passes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from tenacity import Retrying, retry_if_not_result, stop_after_delay, wait_fixed

T = TypeVar("T")


def poll(seconds: float, pause: float, observe: Callable[[], T], accept: Callable[[T], bool]) -> T:
    """Call `observe` every `pause` seconds; the first accepted result, or the last one when `seconds` have passed.

    Exceptions of `observe` are not caught.
    """
    retrying = Retrying(
        stop=stop_after_delay(seconds),
        wait=wait_fixed(pause),
        retry=retry_if_not_result(accept),
        retry_error_callback=lambda state: state.outcome.result() if state.outcome else None,
    )
    observed: T = retrying(observe)
    return observed
