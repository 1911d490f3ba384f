"""Large JSON texts, as Congress's API and its bus encode and decode them (large_texts.py)."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from tests.congress_runtime.support.of_congress import printed


@cache
def seen(which: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(printed("large_texts.py", which))
    return found


def test_others_have_turns_while_a_large_text_is_encoded_or_decoded() -> None:
    pauses = seen("ours")["pauses"]
    assert len(pauses) == 10
    # Of 3 MB, with a look at the clock at each 64 or 128 KiB, or 500 rows.
    assert min(pauses.values()) >= 20, pauses


def test_random_texts_and_values_are_upstreams_and_so_are_their_errors() -> None:
    assert seen("ours")["differ from upstream"] == 0
    assert seen("ours")["bad"] > 1000


def test_a_text_that_is_meant_to_do_harm_is_decoded_as_upstream_does_it() -> None:
    """A million blanks were looked at one by one, and deep nesting was an error that nobody expected."""
    assert seen("ours")["looks at blanks"] < 100
    assert seen("ours")["nested"]


def test_rows_of_a_message_are_left_alone_by_the_garbage_collector() -> None:
    assert not seen("ours")["collected"]
    assert seen("upstream")["collected"]


def test_upstream_alone_stands_still() -> None:
    """What patches.large_json is for; once Congress's libraries do better by themselves, it can go."""
    assert set(seen("upstream")["pauses"].values()) == {0}
