"""Polls of clouds that do not answer as they should, by Congress's own datasource node (bad_polls.py)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.files.of_congress import printed


def seen(folder: Path, *words: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(printed("bad_polls.py", folder, *words).splitlines()[-1])
    return found


def test_a_poll_that_is_not_answered_ends(tmp_path: Path) -> None:
    told = seen(tmp_path)
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


def test_upstream_alone_waits_for_ever(tmp_path: Path) -> None:
    """What congress_polls is for; what Congress does better by itself can go."""
    told = seen(tmp_path, "upstream")
    assert not told["under way"]
    assert {told["errors"][name] for name in ("silent", "slow", "hangs")} == {"None"}
    assert not told["polled when its cloud is well"]
    assert told["turns"] == 0
