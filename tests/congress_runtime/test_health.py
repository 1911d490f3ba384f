"""What an engine takes for a reason not to serve, and what it costs to ask it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.congress_runtime.support.of_congress import printed


def told(folder: Path, case: str) -> Any:
    return json.loads(printed("engine_health.py", folder, case))


def test_however_often_it_is_asked_bus_and_database_are_asked_once_a_second(tmp_path: Path) -> None:
    assert told(tmp_path, "flood") == [{"200 OK": 20_000}, True]


def test_a_loop_that_stands_still_is_no_reason(tmp_path: Path) -> None:
    assert told(tmp_path, "loop stands still") == ["", True]


def test_an_answer_behind_large_messages_is_waited_for(tmp_path: Path) -> None:
    assert told(tmp_path, "large messages") == ["", 0]


def test_a_lost_bus_is_one_until_it_is_back_and_is_not_asked_more_and_more(tmp_path: Path) -> None:
    lost = "no answer from the message bus"
    assert told(tmp_path, "bus lost") == [lost, lost, {"persistent_get_policies": 1, "ping": 1}, ""]


def test_a_lost_database_is_one(tmp_path: Path) -> None:
    assert told(tmp_path, "database lost") == "no answer from the database"


def test_a_lock_of_the_database_is_no_reason_and_one_call_alone_waits_for_it(tmp_path: Path) -> None:
    assert told(tmp_path, "waits for a lock") == [["", "", ""], 1]


def test_an_engine_that_starts_says_how_many_tables_it_lacks_for_a_minute_at_most(tmp_path: Path) -> None:
    """A table counts until it is taken in, subscribed to or not; one of a policy, or one that a later rule names, does
    not.
    """
    lacks = "200 OK\nloading {}\n"
    assert told(tmp_path, "loading") == [
        lacks.format("3 tables"),
        lacks.format("2 tables"),
        lacks.format("2 tables"),
        lacks.format("1 table"),
        "200 OK\n",
        "200 OK\n",
    ]


def test_an_engine_that_starts_waits_for_schemas_and_then_says_that_it_lacks_them(tmp_path: Path) -> None:
    """Without a schema it lacks the rule, too, and so subscribes to no table of it."""
    row = [{"data": ["one"]}]
    assert json.loads(printed("late_schema.py", tmp_path).splitlines()[-1]) == {
        "the schema of one is late": {"loading": 1, "late": None, "slow": row, "sound": row},
        "it is there": {"loading": 0, "late": row, "slow": row, "sound": row},
    }


@pytest.mark.parametrize(("who", "taken"), [("ours", 400), ("upstream", 129)])
def test_an_engine_whose_loop_stands_still_takes_the_connections_that_upstream_s_does_not(
    who: str, taken: int
) -> None:
    """What patches.backlog is for."""
    assert printed("many_connections.py", who) == f"{taken}\n"
