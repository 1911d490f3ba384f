"""Clouds in which the recovery is refused, and how an operator confirms that servers are gone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from components.preflight.scope import Scope
from components.preflight.state import parse_state
from ops.stack.checkpoint import Checkpoint
from ops.stack.recovery import RefusedError
from tests.ops.support.fake_cloud import server
from tests.ops.support.fake_pulumi import (
    OURS,
    PAIR,
    PORT,
    PROTECTED,
    QUIET,
    SKIP,
    checkpoint_of,
    orphan_port,
    simulation,
)


@pytest.mark.parametrize("stack", [Scope("another", "RegionOne"), Scope("project", "RegionTwo")])
@pytest.mark.parametrize(
    "checkpoint", [QUIET, PROTECTED, replace(QUIET, servers={}), replace(QUIET, pending=(PORT,))]
)
def test_another_project_or_region_is_refused(stack: Scope, checkpoint: Checkpoint) -> None:
    """Also if the state has no servers any more: a second stack would be created beside its other resources."""
    at = simulation(replace(checkpoint, scope=stack), servers=[], ports=[orphan_port()])
    with pytest.raises(RefusedError, match=f"the stack is in {stack}"):
        at.recover()
    assert at.pulumi.done == []


def test_the_stack_s_own_login_is_accepted() -> None:
    at = simulation(replace(PROTECTED, scope=OURS), servers=[server("bastion"), server("database")])
    assert (at.recover(), at.messages) == ([], [])


@pytest.mark.parametrize(
    ("checkpoint", "remaining", "who", "confirmed_gone"),
    [
        (PAIR, [], "all servers of the stack are gone", "congress-dev-database"),
        (PROTECTED, [], "all servers of the stack are gone", "congress-dev-database"),
        (
            PROTECTED,
            ["bastion"],
            "congress-dev-database, protected, is gone from project project in region RegionOne",
            "congress-dev-database",
        ),
        (
            replace(QUIET, servers={"a": "congress-dev-a", "b": "congress-dev-b"}),
            [],
            "all servers of the stack are gone",
            "congress-dev-a congress-dev-b",
        ),
    ],
)
def test_lost_data_must_be_confirmed_by_name(
    checkpoint: Checkpoint, remaining: list[str], who: str, confirmed_gone: str
) -> None:
    at = simulation(replace(checkpoint, scope=OURS), servers=[server(name) for name in remaining])
    for wrong_name in ("", "congress-dev-bastion", "database"):
        at.confirmed_gone = frozenset(wrong_name.split())
        with pytest.raises(RefusedError) as result:
            at.recover()
        assert who in str(result.value)
        assert f"GONE='{confirmed_gone}'" in str(result.value)
        assert at.pulumi.done == []
    at.confirmed_gone = frozenset(confirmed_gone.split())
    assert at.recover() == [SKIP]


def test_one_missing_unprotected_server_needs_no_confirmation() -> None:
    assert simulation(replace(PAIR, scope=OURS), servers=[server("bastion")]).recover() == [SKIP]


def test_servers_that_pulumi_was_deleting_are_not_expected() -> None:
    """An interrupted `destroy` continues."""
    made = {"type": "openstack:compute/instance:Instance", "inputs": {}}
    resources = [
        {
            **made,
            "urn": f"urn::{name}",
            "id": name,
            "inputs": {"name": f"congress-dev-{name}"},
            "protect": name == "b",
        }
        for name in ("a", "b", "c")
    ]
    operations = [{"type": "deleting", "resource": one} for one in resources[:2]]
    checkpoint = checkpoint_of({"deployment": {"resources": resources, "pending_operations": operations}})
    assert (set(checkpoint.deleting), set(checkpoint.protected)) == ({"a", "b"}, {"b"})
    assert simulation(checkpoint, servers=[]).recover() == [SKIP]


@pytest.mark.parametrize(
    ("outputs", "expected"),
    [
        ({"cloud": {"project_id": "kept", "region": "R"}}, Scope("kept", "R")),
        ({}, Scope("of-the-port", "RegionOne")),
    ],
)
def test_the_location_of_a_stack(outputs: dict[str, Any], expected: Scope) -> None:
    """From an output, or for a stack that predates it, from the outputs of its resources."""
    port = {
        "urn": PORT.urn,
        "type": PORT.type,
        "id": "port",
        "outputs": {"tenantId": "of-the-port", "region": "RegionOne"},
    }
    stack = {"urn": "urn::stack", "type": "pulumi:pulumi:Stack", "outputs": outputs}
    exported = {"deployment": {"resources": [stack, port]}}
    assert parse_state(exported).scope == expected
    assert parse_state({"deployment": {"resources": [stack]}}).scope == (expected if outputs else None)


def test_an_old_state_whose_server_has_a_successor_is_refused() -> None:
    """Somebody replaced it meanwhile, from another checkout: the next `up` would make a second one."""
    at = simulation(QUIET, servers=[server("newer", name="congress-dev-bastion")])
    with pytest.raises(RefusedError, match=r"does not know: congress-dev-bastion; another checkout"):
        at.recover()
    assert at.pulumi.done == []
