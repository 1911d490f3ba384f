"""Polls of clouds with faulty answers, by Congress's own datasource node (poll_faults.py, poll_results.py)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.congress_runtime.support.congress_python import run_script


def observe(script: str, folder: Path, *words: str) -> dict[str, Any]:
    observations: dict[str, Any] = json.loads(run_script(script, folder, *words).splitlines()[-1])
    return observations


def test_a_poll_that_is_not_answered_ends(tmp_path: Path) -> None:
    observed = observe("poll_faults.py", tmp_path)
    assert observed["serves"]
    assert observed["under way"]
    errors = observed["errors"]
    assert errors["silent"].endswith("/v3/auth/tokens timed out")
    assert "BadStatusLine" in errors["rubbish"]
    assert "ECONNREFUSED" in errors["refuses"]
    assert errors["slow"] == errors["hangs"] == "a poll was ended after 2 s"
    assert observed["good is polled"]
    assert observed["rows of good"] == "1"
    assert observed["numbers of good"]
    assert set(observed["numbers of good"].values()) == {0}  # nothing changed since its first publication
    assert observed["polled when its cloud is well"]
    assert observed["vcenter waits"] == 0.25
    assert observed["turns"] == 25  # 5000 objects
    assert observed["turns with an extraction"] == 50  # as vitrage and doctor have one


def test_polls_with_many_rows_none_no_list_or_no_configuration(tmp_path: Path) -> None:
    observed = observe("poll_results.py", tmp_path)
    assert observed["serves"]
    assert observed["much is polled"]
    assert observed["turns meanwhile"] >= 100_000 / 200  # of the loop, for others
    assert observed["good is polled"]
    assert observed["bare is polled"]
    assert observed["bare"] == [200, 200]
    assert observed["rows"] == {"much": "100000", "nothing": "0", "no_list": "0"}
    assert observed["errors"]["much"] == observed["errors"]["nothing"] == "None"
    assert "NoneType" in observed["errors"]["no_list"]
    assert observed["much becomes nothing"]


def test_upstream_waits_without_a_limit(tmp_path: Path) -> None:
    """The reason for patches.polls. Once Congress has no such flaw, the patch can go."""
    observed = observe("poll_faults.py", tmp_path, "upstream")
    assert not observed["under way"]
    assert {observed["errors"][name] for name in ("silent", "slow", "hangs")} == {"None"}
    assert not observed["polled when its cloud is well"]
    assert observed["turns"] == 0
    (tmp_path / "amounts").mkdir()
    assert observe("poll_results.py", tmp_path / "amounts", "upstream")["turns meanwhile"] < 100
