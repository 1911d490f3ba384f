"""Of pushes that come at once, the last one counts: Congress's own drivers (push_order.py)."""

from __future__ import annotations

import json
from typing import Any

from tests.congress_runtime.support.congress_python import run_script

FIRST, SECOND, THIRD = 2000, 1000, 3  # rows


def seen(which: str) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(run_script("push_order.py", which))
    return result


def test_pushes_are_applied_in_the_order_of_their_arrival() -> None:
    assert seen("ours") == {
        "doctor": THIRD,
        "stored": [FIRST, SECOND, THIRD],
        "push": THIRD,
        "a notification behind a push": FIRST + 1,
        "refused": "AttributeError",
        "after one that was refused": THIRD,
    }


def test_rows_taken_in_with_pauses_need_it() -> None:
    alone = seen("row_requests alone")
    assert alone["doctor"] == alone["push"] == FIRST
    assert alone["a notification behind a push"] == FIRST


def test_upstream_alone_stores_them_in_another_order() -> None:
    """The reason for patches.push_order. Once Congress has no such flaw, the patch can go."""
    assert seen("upstream")["stored"] == [THIRD, SECOND, FIRST]
