"""The tables for which an engine says that it lacks the newest rows, with Congress's own classes (lag.py)."""

from __future__ import annotations

import json

from tests.congress_runtime.support.congress_python import run_script

WELL = {"subscribed": 1, "behind": [], "silent": []}
BEHIND = WELL | {"behind": ["source:table"]}


def test_an_engine_reports_tables_that_are_behind_to_its_own_host_only() -> None:
    observed = json.loads(run_script("lag.py"))
    assert observed == {
        "nothing": WELL,
        "a lost publication": BEHIND,
        "a publication under way": WELL,
        "rows change all the time": WELL,
        "the datasource began anew": BEHIND,
        "no answer": WELL | {"silent": ["source"]},
        "not subscribed to it": BEHIND,
        "not subscribed to one that is not published": BEHIND,
        "asked from this host": ["200 OK", json.dumps(WELL)],
        "asked from elsewhere": ["404 Not Found", "404 Not Found"],
    }
