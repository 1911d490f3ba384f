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
        ({"one": "full:1:7:1"}, None),
        ({"one": "full:1:7:1", "two": "follows"}, None),
        ({"one": "full:1:7:1", "two": "part:1:9:1"}, None),
        ({"two": "full:1:7:1", "three": "full:1:9:1"}, "three"),
        ({"two": "full:1:7:1", "three": "full:1:7:1"}, "two"),
        # The writes of a later writer count more than those that a former writer could not send to any replica.
        ({"one": "full:1:12:1", "two": "full:2:9:2"}, "two"),
        # Together, the three have every write.
        ({"one": "full:1:9:1", "two": "part:1:7:1", "three": "part:1:8:1"}, "one"),
        ({"one": "part:1:9:1", "two": "part:1:7:1", "three": "holds"}, None),
        ({"one": "diverged", "two": "copies", "three": "full:3:1:3"}, None),
        ({}, None),
    ],
)
def test_who_is_elected(votes: Any, states: dict[str, str], expected: str | None) -> None:
    assert votes.elected(states, ORDER) == expected


def test_the_writer_of_the_latest_term(votes: Any) -> None:
    assert votes.writer_of({"one": "writer:2:9", "two": "writer:3:9", "three": "follows"}) == "two"
    assert votes.writer_of({"one": "full:2:7:2"}) is None


def test_a_new_term_is_above_that_of_a_writer_whose_writes_nobody_has(votes: Any) -> None:
    assert votes.next_term({"one": "full:1:9:1", "two": "part:1:7:2", "three": "starts"}) == 3
