"""Waiting for a condition, with a deadline and a reason."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn, TypeVar, cast

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    retry_if_not_result,
    stop_after_delay,
    wait_fixed,
)

T = TypeVar("T")

NOT_YET = retry_if_exception_type((AssertionError, OSError, LookupError)) | retry_if_not_result(bool)


def wait_for(what: str, seconds: float, condition: Callable[[], T | None], pause: float = 0.3) -> T:
    """Return the condition's first true value; AssertionError that names `what` at the deadline."""

    def over(looks: RetryCallState) -> NoReturn:
        problem = looks.outcome.exception() if looks.outcome else None
        raise AssertionError(f"not within {seconds:.0f} s: {what}{(problem and f': {problem}') or ''}")

    looks = Retrying(
        stop=stop_after_delay(seconds), wait=wait_fixed(pause), retry=NOT_YET, retry_error_callback=over
    )
    return cast("T", looks(condition))
