"""Policies as code in the program after an `up` that failed, or that left their step out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from components.preflight.state import POLICIES_BEGUN, parse_state
from tests.policy_code.folders import policy, write
from tests.support.programs import congress_python
from tests.unit.support import recording as recorded
from tests.unit.support.policies import applied, exported, request_of
from tests.unit.support.recording import RecordingMonitor, settings_with


def test_after_an_up_that_failed_the_step_runs_again_and_what_it_may_undo_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    congress_python()
    old = policy("Active", "kept('a')")
    write(tmp_path, active=old)
    first = recorded.run(settings_with(policies=str(tmp_path)))
    state = exported(first)
    write(tmp_path, active=policy("Active", "kept('b')"), more=policy("More", "kept('c')"))
    monkeypatch.setattr(recorded, "EXPORTED", state)
    failed = recorded.run(settings_with(policies=str(tmp_path)))
    # What the next runs see is the same state, with what the failed one has begun.
    again = [
        "policies: 3 changes, in this order; the last `up` did not finish, so this may be done in part:",
        "- rule kept('a') of Active: kept('a')",
    ]
    logged: list[str] = []
    monkeypatch.setattr("pulumi.log.info", lambda text, **_: logged.append(text))
    monkeypatch.setattr(recorded, "EXPORTED", exported(first, failed))
    recorded.run(settings_with(policies=str(tmp_path)))
    assert [line for text in logged for line in text.splitlines() if line in again] == again

    (tmp_path / "more.yaml").unlink()
    write(tmp_path, active=old)
    logged.clear()
    back = recorded.run(settings_with(policies=str(tmp_path)))
    [shown] = [text.splitlines() for text in logged if text.startswith("policies:")]
    assert shown == [
        "policies: the last `up` did not finish; what it has done of these is undone, removals first of all:",
        "- rule kept('b') of Active: kept('b')",
        "- policy More with 1 rules",
        "+ rule kept('a') of Active: kept('a')",
    ]
    begun = json.loads(request_of(back))["begun"]
    assert [one["policies"].keys() for one in begun] == [{"Active", "More"}]
    assert json.loads(request_of(first))["begun"] == []

    # It has succeeded. The next run changes nothing.
    monkeypatch.setattr(recorded, "EXPORTED", exported(back))
    logged.clear()
    same = recorded.run(settings_with(policies=str(tmp_path)))
    assert [text for text in logged if text.startswith("policies")] == []
    assert same.step("policies").inputs == back.step("policies").inputs
    assert same.of_type(POLICIES_BEGUN)[0].inputs == back.of_type(POLICIES_BEGUN)[0].inputs

    # The same change fails, and is taken back, once more.
    write(tmp_path, active=policy("Active", "kept('b')"), more=policy("More", "kept('c')"))
    failed = recorded.run(settings_with(policies=str(tmp_path)))
    monkeypatch.setattr(recorded, "EXPORTED", exported(back, failed))
    (tmp_path / "more.yaml").unlink()
    write(tmp_path, active=old)
    once_more = recorded.run(settings_with(policies=str(tmp_path)))
    assert once_more.step("policies").inputs["stdin"] != back.step("policies").inputs["stdin"]


def test_a_step_that_a_targeted_up_leaves_out_has_applied_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    congress_python()
    write(tmp_path, active=policy("Active", "kept('a')"))
    first = recorded.run(settings_with(policies=str(tmp_path)))
    write(tmp_path, active=policy("Active", "kept('b')"))
    monkeypatch.setattr(recorded, "EXPORTED", exported(first))
    made = RecordingMonitor._made  # noqa: SLF001

    def left_out(self: RecordingMonitor, request: Any) -> dict[str, Any]:
        """As the engine answers for a resource that is no target: with the outputs of its state."""
        answer = made(self, request)
        return {**answer, "stdout": "nothing to do\nattempt 1"} if request.name == "policies" else answer

    monkeypatch.setattr(RecordingMonitor, "_made", left_out)
    targeted = recorded.run(settings_with(policies=str(tmp_path)))
    assert applied(targeted)["policies"]["Active"]["rules"].keys() == {"kept('a')"}
    monkeypatch.setattr(recorded, "EXPORTED", exported(targeted))
    assert not parse_state(recorded.EXPORTED).begun.finished
