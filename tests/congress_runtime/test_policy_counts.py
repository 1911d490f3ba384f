"""What an engine tells `make status` of violations and datasources, and at which cost (policy_counts.py)."""

from __future__ import annotations

import json

from tests.congress_runtime.support.congress_python import run_script


def test_an_engine_counts_for_a_second_at_most_and_answers_others_meanwhile() -> None:
    seen = json.loads(run_script("policy_counts.py"))
    status, answer = seen["quick"]
    assert status == "200 OK"
    assert answer["policies"] == {
        "plain": {"error": 3, "warning": 1},
        "none": {"error": 0},
        "quiet": {},
        "unknown": None,
    }
    assert answer["datasources"] == {
        "fine": {"age": 7, "error": ""},
        "wrong": {"age": 7, "error": "refused"},
        "new": {"age": None, "error": ""},
        "silent": None,
    }
    assert seen["elsewhere"] == ["404 Not Found", "404 Not Found"]
    # The slow table takes the rest of the time, so the one after it is not counted either.
    assert seen["slow"] == {
        "plain": {"error": 3, "warning": 1},
        "slow": {"error": None},
        "after": {"error": None},
    }
    assert seen["others had a turn"]
