"""Polls of clouds that do not answer as they should, by Congress's own datasource node (bad_polls.py, amounts.py)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.congress_runtime.support.of_congress import printed


def seen(script: str, folder: Path, *words: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(printed(script, folder, *words).splitlines()[-1])
    return found


def test_a_poll_that_is_not_answered_ends(tmp_path: Path) -> None:
    told = seen("bad_polls.py", tmp_path)
    assert told["serves"]
    assert told["under way"]
    errors = told["errors"]
    assert errors["silent"].endswith("/v3/auth/tokens timed out")
    assert "BadStatusLine" in errors["rubbish"]
    assert "ECONNREFUSED" in errors["refuses"]
    assert errors["slow"] == errors["hangs"] == "a poll was not over after 2 s, and was ended"
    assert told["good is polled"]
    assert told["rows of good"] == "1"
    assert told["numbers of good"]
    assert set(told["numbers of good"].values()) == {0}  # nothing changed since its first publication
    assert told["polled when its cloud is well"]
    assert told["vcenter waits"] == 0.25
    assert told["turns"] == 25  # 5000 objects


def test_polls_of_very_much_of_nothing_and_of_no_list_and_one_without_a_configuration(tmp_path: Path) -> None:
    told = seen("amounts.py", tmp_path)
    assert told["serves"]
    assert told["much is polled"]
    assert told["turns meanwhile"] >= 100_000 / 200  # of the loop, for others
    assert told["good is polled"]
    assert told["bare is polled"]
    assert told["bare"] == [200, 200]
    assert told["rows"] == {"much": "100000", "nothing": "0", "no_list": "0"}
    assert told["errors"]["much"] == told["errors"]["nothing"] == "None"
    assert "NoneType" in told["errors"]["no_list"]
    assert told["much becomes nothing"]


def test_upstream_alone_waits_for_ever(tmp_path: Path) -> None:
    """What patches.polls is for; what Congress does better by itself can go."""
    told = seen("bad_polls.py", tmp_path, "upstream")
    assert not told["under way"]
    assert {told["errors"][name] for name in ("silent", "slow", "hangs")} == {"None"}
    assert not told["polled when its cloud is well"]
    assert told["turns"] == 0
    (tmp_path / "amounts").mkdir()
    assert seen("amounts.py", tmp_path / "amounts", "upstream")["turns meanwhile"] < 100
