"""What an engine regards as a reason not to serve, and the cost of asking it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.congress_runtime.support.congress_python import run_script


def run_case(folder: Path, case: str) -> Any:
    return json.loads(run_script("health.py", folder, case))


def test_bus_and_database_are_checked_once_a_second_whatever_the_requests(tmp_path: Path) -> None:
    assert run_case(tmp_path, "flood") == [{"200 OK": 20_000}, True]


def test_a_blocked_loop_does_not_make_the_engine_unhealthy(tmp_path: Path) -> None:
    assert run_case(tmp_path, "loop stands still") == ["", True]


def test_waits_for_an_answer_behind_large_messages(tmp_path: Path) -> None:
    assert run_case(tmp_path, "large messages") == ["", 0]


def test_unhealthy_while_the_bus_is_lost_without_further_calls(tmp_path: Path) -> None:
    lost = "no answer from the message bus"
    assert run_case(tmp_path, "bus lost") == [lost, lost, {"persistent_get_policies": 1, "ping": 1}, ""]


def test_unhealthy_while_the_database_is_lost(tmp_path: Path) -> None:
    assert run_case(tmp_path, "database lost") == "no answer from the database"


def test_healthy_while_one_call_waits_for_a_database_lock(tmp_path: Path) -> None:
    assert run_case(tmp_path, "waits for a lock") == [["", "", ""], 1]


def test_a_starting_engine_reports_missing_tables_until_the_limit(tmp_path: Path) -> None:
    """A table of a datasource counts until its rows are processed, subscribed to or not. A table of a policy, or one
    that a later rule names, does not count.
    """
    lacks = "200 OK\nloading {}\n"
    assert run_case(tmp_path, "loading") == [
        lacks.format("3 tables"),
        lacks.format("2 tables"),
        lacks.format("2 tables"),
        lacks.format("1 table"),
        "200 OK\n",
        "200 OK\n",
    ]


def test_a_starting_engine_waits_for_schemas_and_then_reports_missing_ones(tmp_path: Path) -> None:
    """Without the schema, the engine lacks the rule, too, and so does not subscribe to the rule's tables."""
    row = [{"data": ["one"]}]
    assert json.loads(run_script("late_schemas.py", tmp_path).splitlines()[-1]) == {
        "the schema of one is late": {"loading": 1, "late": None, "slow": row, "sound": row},
        "the late schema has arrived": {"loading": 0, "late": row, "slow": row, "sound": row},
    }


@pytest.mark.parametrize(("who", "taken"), [("ours", 400), ("upstream", 129)])
def test_a_blocked_engine_accepts_connections_that_upstream_does_not(who: str, taken: int) -> None:
    """The reason for patches.backlog."""
    assert run_script("backlog.py", who) == f"{taken}\n"
