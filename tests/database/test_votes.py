"""Which members may decide, and whom they elect."""

from __future__ import annotations

import importlib
from typing import Any

import pytest

ORDER = ["one", "two", "three"]


@pytest.fixture
def votes(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend("files/database")
    return importlib.import_module("congress_database_votes")


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ({"one": "full:1:7"}, None),
        ({"one": "full:1:7", "two": "follows"}, None),
        ({"one": "full:1:7", "two": "part:1:9"}, None),
        ({"two": "full:1:7", "three": "full:1:9"}, "three"),
        ({"two": "full:1:7", "three": "full:1:7"}, "two"),
        # The writes of a later writer count more than those that a former writer could not send to any replica.
        ({"one": "full:1:12", "two": "full:2:9"}, "two"),
        # Together, the three have every write.
        ({"one": "full:1:9", "two": "part:1:7", "three": "part:1:8"}, "one"),
        ({"one": "part:1:9", "two": "part:1:7", "three": "holds"}, None),
        ({"one": "diverged", "two": "copies", "three": "full:3:1"}, None),
        ({}, None),
    ],
)
def test_who_is_elected(votes: Any, states: dict[str, str], expected: str | None) -> None:
    assert votes.elected(states, ORDER) == expected


def test_the_writer_of_the_latest_term(votes: Any) -> None:
    assert votes.writer_of({"one": "writer:2", "two": "writer:3", "three": "follows"}) == "two"
    assert votes.writer_of({"one": "full:2:7"}) is None
