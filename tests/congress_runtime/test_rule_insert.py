"""Whether an engine asks the bus while it holds the database's locks, by Congress's own engine (rule_insert.py),
and what it is subscribed to when rules change while it asks (concurrent_rule_changes.py).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.congress_runtime.support.congress_python import run_script

ROWS = "get_last_published_data_with_seqnum"


def observe(folder: Path, *words: str) -> dict[str, Any]:
    """What each insertion was answered, and what it asked: [datasource, question, whether tables were locked]."""
    observations: dict[str, Any] = json.loads(run_script("rule_insert.py", folder, *words).splitlines()[-1])
    return observations


def test_the_locks_are_released_before_a_call_over_the_bus(tmp_path: Path) -> None:
    observed = observe(tmp_path)
    assert observed["a policy"] == {"answer": 201, "asked": []}
    assert observed["a rule"] == {"answer": 201, "asked": [["source", ROWS, False]]}
    assert observed["rows"] == {"results": [{"data": ["one"]}]}
    assert observed["the same tables"] == {"answer": 201, "asked": []}
    assert observed["a bad rule"] == {"answer": 400, "asked": []}
    assert observed["a datasource's own"] == {"answer": 404, "asked": []}
    assert observed["a fact"] == {"answer": 201, "asked": []}
    assert observed["no rows"] == {"answer": 201, "asked": [["another", ROWS, False]]}
    assert observed["inserted"] == 4
    # The engine reads all rules of all policies only where its subscriptions may change.
    assert {what for what, times in observed["listed"].items() if times} == {"a rule", "no rows"}


def test_an_engine_subscribes_to_the_tables_of_concurrently_changed_rules(
    tmp_path: Path,
) -> None:
    observed = json.loads(run_script("concurrent_rule_changes.py", tmp_path).splitlines()[-1])
    both = ["slow:things", "sound:things"]
    assert observed == {
        "another rule names an old table again": both,
        "the rule is deleted": both,
        "a second client is answered before the table of both": False,
        "what a client is told of two errors": ["not written"],
    }


def test_upstream_calls_under_the_locks(tmp_path: Path) -> None:
    """The reason for patches.rule_insert. Once Congress has no such flaw, the patch can go."""
    observed = observe(tmp_path, "upstream")
    assert observed["a rule"]["asked"] == [["source", ROWS, True]]
    assert observed["a datasource's own"]["asked"] == [["another", "get_datasource_schema", True]]
