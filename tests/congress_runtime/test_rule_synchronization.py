"""Whether an engine's synchronisations hold locks while a datasource hangs (rule_synchronization.py)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.congress_runtime.support.congress_python import run_script

IN_TIME = (
    "policies in time",
    "the sound datasource is known",
    "insert meanwhile in time",
    "rules in time",
    "insert after in time",
    "again in time",
)


def observe(folder: Path, *words: str) -> dict[str, Any]:
    observations: dict[str, Any] = json.loads(
        run_script("rule_synchronization.py", folder, *words).splitlines()[-1]
    )
    return observations


def test_a_datasource_that_hangs_delays_no_synchronisation(
    tmp_path: Path,
) -> None:
    observed = observe(tmp_path)
    assert {what: observed[what] for what in IN_TIME} == dict.fromkeys(IN_TIME, True)
    assert observed["rows of the sound one"] == observed["rows in the end"] == [{"data": ["one"]}]


def test_upstream_waits_for_it_in_synchronisations_and_inserts(tmp_path: Path) -> None:
    """The reason for patches.rule_insert. Once Congress has no such flaw, the patch can go."""
    observed = observe(tmp_path, "upstream")
    assert {what: observed[what] for what in IN_TIME} == dict.fromkeys(IN_TIME, False)
