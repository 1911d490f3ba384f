"""The only reader of what `pulumi stack export` prints."""

from __future__ import annotations

import ast
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from components.preflight.state import (
    NEVER,
    POLICIES,
    POLICIES_BEGUN,
    PORT,
    PROVIDER,
    SERVER,
    STEP,
    State,
    parse_state,
)
from policy_code.begun import Begun
from tests.unit.support.recording import ROOT

URN = "urn:pulumi:dev::congress-ha::congress-ha:index:Host${}::{}"


def resource(type_: str, name: str, **more: Any) -> dict[str, Any]:
    return {"urn": URN.format(type_, name), "type": type_, **more}


def state(*resources: dict[str, Any], operations: tuple[dict[str, Any], ...] = ()) -> State:
    return parse_state({"deployment": {"resources": [*resources], "pending_operations": [*operations]}})


def test_what_is_retired_and_what_only_groups_others_is_no_part_of_the_stack() -> None:
    new = resource(SERVER, "database", id="new")
    read = state(
        resource("congress-ha:index:Host", "database"),
        new,
        resource(SERVER, "database", id="old", delete=True),
        resource(STEP, "database-ready", id="step", deletedWith=new["urn"]),
    )
    assert [one.id for one in read.resources] == ["new", "step"]
    assert [one.id for one in read.others] == ["", "old"]
    assert read.of(SERVER).keys() == {"new"}
    assert read.steps("database") == {"database-ready": URN.format(STEP, "database-ready")}


def test_an_operation_is_told_with_the_login_that_began_it() -> None:
    provider = resource(PROVIDER, "keystone-administrator", id="id", inputs={"cloud": "admin"})
    port = resource(PORT, "database-port", provider=f"{provider['urn']}::id", inputs={"networkId": "net"})
    read = state(provider, operations=({"type": "creating", "resource": port},))
    (pending,) = read.pending
    assert (pending.name, pending.creates, pending.in_cloud, pending.login) == (
        "database-port",
        True,
        True,
        "admin",
    )
    assert pending.inputs == {"networkId": "net"}


@pytest.mark.parametrize("deployment", [{}, {"deployment": None}, {"deployment": {"manifest": {}}}])
def test_a_stack_of_nothing(deployment: dict[str, Any]) -> None:
    assert parse_state({"version": 3, **deployment}) == State(())


def test_when_it_was_stored() -> None:
    time = "2026-11-25T10:00:00.5Z"
    assert parse_state({"deployment": {"manifest": {"time": time}}}).written == datetime(
        2026, 11, 25, 10, 0, 0, 500_000, UTC
    )
    assert state().written == NEVER


def test_nobody_else_reads_it() -> None:
    """Keys that only an exported state has."""
    keys = {"pending_operations", "pendingReplacement"}
    readers = {
        str(file.relative_to(ROOT))
        for room in ("components", "ops", "scripts")
        for file in (ROOT / room).rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Constant) and node.value in keys
    }
    assert readers == {"components/preflight/state.py"}


def test_an_attempt_is_finished_if_its_step_has_ended() -> None:
    def begun(*digests: str, ended: int | None, as_: str = "plaintext") -> Begun:
        value = json.dumps([{"policies": {one: {}}} for one in digests])
        secret = {"4dabf18193072939515e22adb298388d": "1b", as_: value}
        inputs = {"attempt": 2, "digests": [*digests], "first": False, "declarations": secret}
        outputs = {"applied": {}, **({} if ended is None else {"attempt": ended})}
        return state(
            resource(POLICIES, "policies", outputs=outputs),
            resource(POLICIES_BEGUN, "policies-begun", inputs=inputs),
        ).begun

    assert begun("a", ended=2).finished
    assert not begun("b", "a", ended=1).finished
    assert begun("b", "a", ended=1).unfinished == ({"policies": {"b": {}}}, {"policies": {"a": {}}})
    assert not begun("a", ended=None).finished  # the first `up` after the upgrade from an older program
    assert state(resource(POLICIES, "policies", outputs={"applied": {}})).begun == Begun()
    # The secrets of a state are shown only where they are needed.
    assert not begun("a", ended=2, as_="ciphertext").encrypted
    assert begun("b", "a", ended=2, as_="ciphertext").encrypted
    assert begun("a", ended=1, as_="ciphertext").encrypted


def test_what_was_applied_is_an_output_of_its_component_and_of_an_older_program_s_stack() -> None:
    def policies(stack: dict[str, Any], applied: dict[str, Any]) -> Any:
        outputs = {**stack, "cloud": {"project_id": "p"}}
        return state(
            {"urn": "u", "type": "pulumi:pulumi:Stack", "outputs": outputs},
            {"urn": "v", "type": POLICIES, "outputs": applied},
        ).policies

    declared: dict[str, Any] = {"datasources": {}, "policies": {"P": {}}}
    summary = {"policies": {"datasources": 0, "policies": 1, "rules": 0, "digest": "d"}}
    former: dict[str, Any] = {"policies": {"datasources": {}, "policies": {}}}
    assert policies(summary, {"applied": declared}) == declared
    # An `up` that failed after the policies were applied: the stack keeps its outputs.
    assert policies(former, {"applied": declared}) == declared
    assert policies(former, {}) == former["policies"]
    assert policies({}, {}) is None
