"""A datasource's rows, taken in and asked for through Congress's own API model and driver (row_requests.py)."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from tests.congress_runtime.support.congress_python import run_script

PAUSING = ("put", "put again", "asked for")


@cache
def observe(which: str) -> dict[str, Any]:
    observations: dict[str, Any] = json.loads(run_script("row_requests.py", which))
    return observations


def test_green_threads_run_while_rows_are_replaced_and_read() -> None:
    ours = observe("ours")
    # 2000 rows, with a look at the clock at each 200.
    assert ours["put"] >= 9
    assert ours["put again"] >= 25  # the two differences, too
    assert ours["asked for"] >= 18
    assert not ours["written into a text"]


def test_answers_publications_and_errors_equal_upstream_s() -> None:
    ours, upstream = observe("ours"), observe("upstream")
    same = set(ours) - {*PAUSING, "written into a text"}
    assert {what: ours[what] for what in same} == {what: upstream[what] for what in same}
    assert ours["published"] == [1, 1, False, 1]
    assert ours["publications"] == 2
    assert "does not exist" in ours["unknown"]


def test_upstream_blocks_the_loop() -> None:
    """The reason for patches.row_requests. Once Congress has no such flaw, the patch can go."""
    upstream = observe("upstream")
    assert [upstream[what] for what in PAUSING] == [0, 0, 0]
    assert upstream["written into a text"]
