"""Large JSON texts, as Congress's API and its bus encode and decode them (large_json.py)."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from tests.congress_runtime.support.congress_python import run_script


@cache
def observe(which: str) -> dict[str, Any]:
    observations: dict[str, Any] = json.loads(run_script("large_json.py", which))
    return observations


def test_green_threads_run_while_a_large_text_is_encoded_or_decoded() -> None:
    pauses = observe("ours")["pauses"]
    assert len(pauses) == 10
    # Of 3 MB, with a look at the clock at each 64 or 128 KiB, or 500 rows.
    assert min(pauses.values()) >= 20, pauses


def test_random_texts_values_and_errors_equal_upstream_s() -> None:
    assert observe("ours")["differ from upstream"] == 0
    assert observe("ours")["bad"] > 1000


def test_malicious_texts_are_decoded_as_by_upstream() -> None:
    """A million blanks were looked at one by one, and deep nesting was an error that nobody expected."""
    assert observe("ours")["reads of blanks"] < 100
    assert observe("ours")["nested"]


def test_the_garbage_collector_does_not_traverse_rows_of_a_message() -> None:
    assert not observe("ours")["collected"]
    assert observe("upstream")["collected"]


def test_upstream_blocks_the_loop() -> None:
    """The reason for patches.large_json. Once the libraries have no such flaw, the patch can go."""
    assert set(observe("upstream")["pauses"].values()) == {0}
