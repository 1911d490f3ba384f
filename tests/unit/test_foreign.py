"""Servers of the stack's name that its state does not know end the run."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from components.preflight.error import CloudError
from components.preflight.state import PORT, SERVER, Pending, Resource, State
from tests.unit.support.fake_cloud import SERVERS, FakeCloud, look_up, state_with, things


def begun(name: str, type_: str = SERVER) -> Pending:
    return Pending("creating", f"urn::{name}", type_, {"name": name})


@pytest.mark.parametrize(
    "state",
    [
        state_with(),
        # A port alone, or an operation on what is there, makes no server.
        state_with(
            pending=(begun("congress-test-0", PORT), replace(begun("congress-test-0"), operation="updating"))
        ),
        replace(
            state_with(), resources=(Resource("urn::a", SERVER, "another-id", {"name": "congress-test-0"}),)
        ),
    ],
    ids=["new", "another operation", "old"],
)
def test_servers_of_this_name_from_another_checkout_end_the_run(fake: FakeCloud, state: State) -> None:
    fake.compute.servers = lambda **_: things(*SERVERS, "congress-test-0-more", "another")
    with pytest.raises(CloudError) as refused:
        look_up(state=state)
    (problem,) = refused.value.problems
    assert problem.startswith(
        "the project has servers of this name that this stack's state does not know: congress-test-0 and "
        "congress-test-1 (6 in all); another checkout or backend has their state, or a newer copy of it: work there, "
        "or give this stack another name (STACK=name)"
    )


def test_one_server_of_another_state_is_enough(fake: FakeCloud) -> None:
    first, *others = SERVERS
    fake.compute.servers = lambda **_: things(*SERVERS)
    with pytest.raises(CloudError, match=f"does not know: {first}; another checkout"):
        look_up(state=state_with(*others))


@pytest.mark.parametrize(
    "state",
    [
        state_with(*SERVERS),
        state_with(*SERVERS, retired=True),
        state_with(*list(SERVERS)[1:], pending=(begun("congress-test-0"),)),
        state_with(pending=tuple(map(begun, SERVERS))),
    ],
    ids=["deployed", "being replaced", "cut off", "cut off at once"],
)
def test_servers_in_the_state_belong_to_this_stack(fake: FakeCloud, state: State) -> None:
    fake.compute.servers = lambda **_: things(*SERVERS)
    look_up(state=state)


def test_another_stack_s_names_only_begin_like_this_one_s(fake: FakeCloud) -> None:
    fake.compute.servers = lambda **_: things("congress-test-2-0", "congress-test", "0")
    look_up()


def test_an_own_server_whose_creation_was_never_answered_is_named(fake: FakeCloud) -> None:
    first, *others = SERVERS
    state = state_with(*others)
    port = Resource("urn::port", PORT, f"{first}-port", {"name": first})
    fake.compute.servers = lambda **_: things(*SERVERS)
    fake.network.ports = lambda device_id: [SimpleNamespace(id=f"{device_id.removesuffix('-id')}-port")]
    with pytest.raises(CloudError) as refused:
        look_up(state=replace(state, resources=(*state.resources, port)))
    (problem,) = refused.value.problems
    assert problem.startswith(f"server {first} ({first}-id) is on a port of this stack, but not in its state")
    assert f"openstack server delete {first}-id" in problem


def test_a_successor_on_the_recorded_port_is_not_for_deletion(fake: FakeCloud) -> None:
    """Somebody has replaced the server with a newer copy of the state, and its port stayed."""
    first, *others = SERVERS
    state = state_with(*others)
    former = Resource("urn::server", SERVER, "former", {"name": first})
    port = Resource("urn::port", PORT, "its-port", {"name": first})
    fake.compute.servers = lambda **_: things(*SERVERS)
    fake.network.ports = lambda device_id: [SimpleNamespace(id="its-port")]  # noqa: ARG005
    with pytest.raises(CloudError) as refused:
        look_up(state=replace(state, resources=(*state.resources, former, port)))
    (problem,) = refused.value.problems
    assert f"does not know: {first}; another checkout or backend has their state, or a newer copy" in problem
    assert "delete" not in problem
