"""Of which tables an engine says that it lacks the newest rows, by Congress's own classes (behind.py)."""

from __future__ import annotations

import json

from tests.congress_runtime.support.of_congress import printed

WELL = {"subscribed": 1, "behind": [], "silent": []}
BEHIND = WELL | {"behind": ["source:table"]}


def test_an_engine_tells_its_own_host_alone_of_which_tables_it_lacks_the_newest_rows() -> None:
    told = json.loads(printed("behind.py"))
    assert told == {
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
