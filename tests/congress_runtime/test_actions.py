"""Each action is executed once, over restarts of engines and of the datasource node (support/actions.py)."""

import json
from typing import Any

from tests.congress_runtime.support.congress_python import run_script


def executed(*words: str) -> dict[str, Any]:
    observations: dict[str, Any] = json.loads(run_script("actions.py", *words))
    return observations


def test_each_action_is_executed_once() -> None:
    assert executed() == {
        "both": ["s1"],
        "again": ["s1", "s1"],
        "failover_between": ["s1"],
        "failover_while_both_request": ["s1"],
        "leader_ends": ["s1"],
        "leader_ends_afterwards": ["s1"],
        "leader_restarts": ["s1", "s2"],
        "all_restart_one_by_one": ["s1", "s2"],
        "by_api": ["s1", "s2"],
    }


def test_upstream_executes_some_twice_and_others_never() -> None:
    """The reason for patches.actions and patches.action_requests."""
    observed = executed("upstream")
    assert observed["failover_between"] == ["s1", "s1"]
    assert observed["leader_ends"] == []
    assert observed["leader_restarts"] == ["s1", "s1", "s2", "s2"]
    assert observed["all_restart_one_by_one"] == ["s1", "s1", "s2"]
    assert observed["by_api"] == ["s1"]
