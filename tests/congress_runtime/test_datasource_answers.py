from __future__ import annotations

import json
from typing import Any

from tests.congress_runtime.support.congress_python import run_script


def answers(*words: str) -> list[dict[str, Any]]:
    """To the creations of one with a secret and a bare one; to the reads of one with, one without, and the bare one."""
    observed: list[dict[str, Any]] = json.loads(run_script("datasource_answers.py", *words))
    return observed


def test_one_datasource_is_shown_without_its_password() -> None:
    created, _, read, other, _ = answers()
    assert created == read
    assert read["config"] == {"username": "a user", "password": "<hidden>", "poll_time": "10"}
    assert (read["id"], read["name"], read["driver"]) == ("an id", "ours", "nova")
    assert other["config"] == {"poll_time": "5"}


def test_a_datasource_without_a_configuration_is_shown_as_in_upstream() -> None:
    _, created, _, _, read = answers()
    _, expected, _, _, _ = answers("upstream")
    assert created == read == expected
    assert read["config"] is None


def test_upstream_shows_the_password() -> None:
    """The reason for patches.datasource_answers. Once Congress has no such flaw, the patch can go."""
    created, _, read, _, _ = answers("upstream")
    assert created["config"]["password"] == read["config"]["password"] == "a password"
