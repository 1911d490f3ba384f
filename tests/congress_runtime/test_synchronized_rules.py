"""Whether an engine's synchronisations hold their locks while a datasource does not answer (synchronized_rules.py)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.congress_runtime.support.of_congress import printed

IN_TIME = (
    "policies in time",
    "the sound datasource is known",
    "insert meanwhile in time",
    "rules in time",
    "insert after in time",
    "again in time",
)


def seen(folder: Path, *words: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(printed("synchronized_rules.py", folder, *words).splitlines()[-1])
    return found


def test_a_datasource_that_hangs_stops_no_synchronisation_and_is_asked_until_it_answers(
    tmp_path: Path,
) -> None:
    told = seen(tmp_path)
    assert {what: told[what] for what in IN_TIME} == dict.fromkeys(IN_TIME, True)
    assert told["rows of the sound one"] == told["rows in the end"] == [{"data": ["one"]}]


def test_upstream_alone_waits_for_it_and_so_does_who_inserts(tmp_path: Path) -> None:
    """What patches.rule_insert is for; once Congress does better by itself, it can go."""
    told = seen(tmp_path, "upstream")
    assert {what: told[what] for what in IN_TIME} == dict.fromkeys(IN_TIME, False)
