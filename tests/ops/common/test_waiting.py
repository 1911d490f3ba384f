"""Polling ends at the first accepted observation; at the deadline it returns the last one."""

from __future__ import annotations

import pytest

from ops.common.waiting import poll


def test_the_first_accepted_observation_ends_the_wait() -> None:
    looks = iter([1, 2, 3, 4])
    assert poll(5, 0.001, lambda: next(looks), lambda observed: observed == 3) == 3
    assert next(looks) == 4


def test_the_last_observation_is_returned_at_the_deadline() -> None:
    assert poll(0.02, 0.005, lambda: "never", lambda _: False) == "never"


def test_exceptions_of_an_observation_are_raised() -> None:
    def broken() -> int:
        raise LookupError("no such thing")

    with pytest.raises(LookupError, match="no such thing"):
        poll(5, 0.001, broken, lambda _: True)
