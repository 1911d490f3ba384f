import json
from typing import Any

from tests.congress_runtime.support.congress_python import run_script

ROWS = {
    "one was lost, then another came": ["kept", "new"],
    "the next one": ["kept", "newer"],
    "one was lost in a quiet table": ["lost"],
    "the first question had no answer": ["lost"],
    "the bus refused one, and nothing changed since": ["refused"],
    "a poll's time limit cut one off, and nothing changed since": ["refused"],
    "a difference came while the whole table was taken in": ["kept", "new"],
    "later publications overtook the answer": ["new"],
    "the engine failed to take one in": ["new"],
    "the first answer could not be taken in": ["first"],
    "the next table was not asked for": False,
}
REQUESTS = {
    "requests at the first check": 0,
    "requests after that": 0,
    "requests after a new connection": 1,
    "requests before the pause is over": 0,
}


def observe(*words: str) -> dict[str, Any]:
    observations: dict[str, Any] = json.loads(run_script("subscriptions.py", *words))
    return observations


def test_an_engine_requests_missed_publications() -> None:
    assert observe() == ROWS | REQUESTS


def test_upstream_does_not() -> None:
    """The reason for patches.subscriptions. Once Congress has no such flaw, the patch can go."""
    rows = observe("upstream")
    assert {what: rows[what] for what in ROWS} == {
        "one was lost, then another came": ["kept", "old"],
        "the next one": ["kept", "old"],
        "one was lost in a quiet table": ["old"],
        "the first question had no answer": ["old"],
        "the bus refused one, and nothing changed since": ["old"],
        "a poll's time limit cut one off, and nothing changed since": ["old"],
        "a difference came while the whole table was taken in": ["kept", "old"],
        "later publications overtook the answer": ["old"],
        "the engine failed to take one in": ["old"],
        "the first answer could not be taken in": [],
        "the next table was not asked for": True,
    }
