"""Whether an engine asks the bus while it holds the database's locks, by Congress's own engine (rule_insert.py),
and what it is subscribed to when rules change while it asks (rules_meanwhile.py).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.congress_runtime.support.of_congress import printed

ROWS = "get_last_published_data_with_seqnum"


def seen(folder: Path, *words: str) -> dict[str, Any]:
    """What each insertion was answered, and what it asked: [datasource, question, whether tables were locked]."""
    found: dict[str, Any] = json.loads(printed("rule_insert.py", folder, *words).splitlines()[-1])
    return found


def test_the_locks_are_given_back_before_the_bus_is_asked(tmp_path: Path) -> None:
    told = seen(tmp_path)
    assert told["a policy"] == {"answer": 201, "asked": []}
    assert told["a rule"] == {"answer": 201, "asked": [["source", ROWS, False]]}
    assert told["rows"] == {"results": [{"data": ["one"]}]}
    assert told["the same tables"] == {"answer": 201, "asked": []}
    assert told["a bad rule"] == {"answer": 400, "asked": []}
    assert told["a datasource's own"] == {"answer": 404, "asked": []}
    assert told["no rows"] == {"answer": 201, "asked": [["another", ROWS, False]]}
    assert told["inserted"] == 3


def test_the_tables_that_rules_name_in_the_end_are_subscribed_to_whatever_came_meanwhile(
    tmp_path: Path,
) -> None:
    told = json.loads(printed("rules_meanwhile.py", tmp_path).splitlines()[-1])
    both = ["slow:things", "sound:things"]
    assert told == {"another rule names an old table again": both, "the rule is deleted": both}


def test_upstream_alone_asks_under_them(tmp_path: Path) -> None:
    """What patches.rule_insert is for; once Congress does better by itself, it can go."""
    told = seen(tmp_path, "upstream")
    assert told["a rule"]["asked"] == [["source", ROWS, True]]
    assert told["a datasource's own"]["asked"] == [["another", "get_datasource_schema", True]]
