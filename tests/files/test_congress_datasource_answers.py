from __future__ import annotations

import json
from typing import Any

from tests.files.of_congress import printed


def answers(*words: str) -> list[dict[str, Any]]:
    """To the creation of a datasource, to its read, and to the read of one whose driver has no secret."""
    told: list[dict[str, Any]] = json.loads(printed("datasource_answers.py", *words))
    return told


def test_one_datasource_is_answered_without_its_password() -> None:
    created, read, other = answers()
    assert created == read
    assert read["config"] == {"username": "a user", "password": "<hidden>", "poll_time": "10"}
    assert (read["id"], read["name"], read["driver"]) == ("an id", "ours", "nova")
    assert other["config"] == {"poll_time": "5"}


def test_upstream_alone_shows_it() -> None:
    """What congress_datasource_answers is for; once Congress does better by itself, it can go."""
    created, read, _ = answers("upstream")
    assert created["config"]["password"] == read["config"]["password"] == "a password"
