"""Which engines may start or change at the same time, as the graph of dependencies allows it."""

from __future__ import annotations

from collections.abc import Collection
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import settings
from components.policy_engines import placements, predecessors
from components.preflight.state import SERVER, STEP, State, parse_state
from tests.unit.support import recording as recorded
from tests.unit.support.recording import Recording

# URN prefix of a step in a state.
URN = f"urn:pulumi:test::congress-ha::congress-ha:index:PolicyEngines${STEP}::"


def node_id(number: int) -> str:
    return f"policy-engine-{number}"


def node_ids(numbers: Collection[int]) -> frozenset[str]:
    return frozenset(map(node_id, numbers))


class Order:
    """Which engines wait for which, directly or through others, by their numbers."""

    def __init__(self, count: int, per_host: int, existing: Collection[int], max_unavailable: int) -> None:
        self.engines = placements(
            settings.PolicyEngines(count=count, per_host=per_host, max_unavailable=max_unavailable)
        )
        self.direct = predecessors(self.engines, node_ids(existing), max_unavailable)
        self.awaited: dict[str, frozenset[str]] = {}
        for engine in self.engines:
            # A KeyError here: an engine waits for a later one.
            direct = self.direct[engine.node_id]
            self.awaited[engine.node_id] = frozenset(direct).union(*(self.awaited[one] for one in direct))

    def waits(self, later: int, earlier: int) -> bool:
        return node_id(earlier) in self.awaited[node_id(later)]

    def host(self, number: int) -> str:
        return self.engines[number - 1].host

    def together(self, numbers: Collection[int]) -> int:
        """How many of these engines may be in work at the same time, at most."""
        for size in range(len(numbers), 1, -1):
            for group in combinations(sorted(numbers), size):
                if not any(self.waits(later, earlier) for earlier, later in combinations(group, 2)):
                    return size
        return min(1, len(numbers))


ALL_OF_SEVEN = range(1, 8)


def test_by_default_a_change_reaches_one_engine_after_another() -> None:
    order = Order(7, 1, ALL_OF_SEVEN, 1)
    assert order.direct == {node_id(n): (node_id(n - 1),) if n > 1 else () for n in ALL_OF_SEVEN}


@pytest.mark.parametrize("at_once", range(1, 7))
def test_a_change_reaches_as_many_at_once_as_the_setting_says(at_once: int) -> None:
    assert Order(7, 1, ALL_OF_SEVEN, at_once).together(ALL_OF_SEVEN) == at_once


def test_engines_that_nothing_protects_start_at_once_after_the_first() -> None:
    order = Order(7, 1, (), 1)
    assert order.direct == {node_id(n): (node_id(1),) if n > 1 else () for n in ALL_OF_SEVEN}


def test_engines_that_are_added_wait_for_the_first_alone() -> None:
    order = Order(7, 1, range(1, 4), 1)
    assert order.direct[node_id(3)] == (node_id(2),)
    assert {order.direct[node_id(n)] for n in range(4, 8)} == {(node_id(1),)}


def test_after_an_interrupted_first_up_those_that_exist_take_turns() -> None:
    order = Order(7, 1, (1, 3, 6), 1)
    assert order.together((1, 3, 6)) == 1
    assert order.together((2, 4, 5, 7)) == 4


@st.composite
def orders(draw: st.DrawFn) -> tuple[Order, frozenset[int], int]:
    count = draw(st.integers(2, 9))
    per_host = draw(st.integers(1, count - 1))
    max_unavailable = draw(st.integers(1, count - 1))
    existing = draw(st.frozensets(st.integers(1, count)))
    return Order(count, per_host, existing, max_unavailable), existing, max_unavailable


@given(orders())
def test_the_first_engine_is_alone(drawn: tuple[Order, frozenset[int], int]) -> None:
    order, _, _ = drawn
    assert all(order.waits(number, 1) for number in range(2, len(order.engines) + 1))
    assert order.awaited[node_id(1)] == frozenset()


@given(orders())
def test_never_more_that_may_serve_are_away(drawn: tuple[Order, frozenset[int], int]) -> None:
    order, existing, max_unavailable = drawn
    assert order.together(existing) <= max_unavailable


@given(orders())
def test_the_engines_of_a_host_never_change_at_the_same_time(
    drawn: tuple[Order, frozenset[int], int],
) -> None:
    order, _, _ = drawn
    for earlier, later in combinations(range(1, len(order.engines) + 1), 2):
        if order.host(earlier) == order.host(later):
            assert order.waits(later, earlier)


@given(orders())
def test_a_failure_reaches_only_the_hosts_that_may_be_in_work(
    drawn: tuple[Order, frozenset[int], int],
) -> None:
    """Pulumi may continue after a failure (--continue-on-error), but turns that far behind do not begin."""
    order, existing, max_unavailable = drawn
    hosts = list(dict.fromkeys(order.host(number) for number in sorted(existing)))
    for earlier, later in combinations(sorted(existing), 2):
        behind = hosts.index(order.host(later)) - hosts.index(order.host(earlier))
        if behind >= max_unavailable:
            assert order.waits(later, earlier)


def engines(recording: Recording, count: int) -> dict[int, set[int]]:
    """Number of each engine -> the engines for which its step waits, in the graph that the engine of Pulumi gets."""
    steps = {number: recording.step(node_id(number)) for number in range(1, count + 1)}
    return {
        later: {
            earlier for earlier in steps if earlier != later and recording.needs(steps[later], steps[earlier])
        }
        for later in steps
    }


def deployed(monkeypatch: pytest.MonkeyPatch, numbers: Collection[int]) -> None:
    """Let the next runs of the program find these engines in the state."""
    resources = [{"urn": f"{URN}{node_id(number)}", "type": STEP, "id": str(number)} for number in numbers]
    monkeypatch.setattr(recorded, "EXPORTED", {"deployment": {"resources": resources}})


@pytest.mark.parametrize(
    ("existing", "setting", "needs"),
    [
        ((), {}, {1: set(), 2: {1}, 3: {1}, 4: {1}}),
        (range(1, 5), {}, {1: set(), 2: {1}, 3: {1, 2}, 4: {1, 2, 3}}),
        (range(1, 5), {"maxUnavailable": 2}, {1: set(), 2: {1}, 3: {1}, 4: {1, 2}}),
        (range(1, 3), {}, {1: set(), 2: {1}, 3: {1}, 4: {1}}),
        ((), {"perHost": 2}, {1: set(), 2: {1}, 3: {1}, 4: {1, 3}}),
    ],
)
def test_the_program_registers_that_order(
    monkeypatch: pytest.MonkeyPatch,
    existing: Collection[int],
    setting: dict[str, int],
    needs: dict[int, set[int]],
) -> None:
    deployed(monkeypatch, existing)
    recording = recorded.run(recorded.settings_with(policyEngines={"count": 4, **setting}))
    assert engines(recording, 4) == needs
    balancer, node = recording.step("load-balancer-haproxy"), recording.step("datasource-node")
    for number in needs:
        engine = recording.step(node_id(number))
        assert recording.needs(engine, node)
        assert recording.needs(balancer, engine)


def test_what_a_replacement_left_counts_as_existing() -> None:
    retired = {"urn": f"{URN}{node_id(2)}", "type": STEP, "id": "2", "delete": True}
    server = {"urn": f"urn:pulumi:test::congress-ha::{SERVER}::a", "type": SERVER, "id": "3"}
    assert parse_state({"deployment": {"resources": [retired, server]}}).step_names == {node_id(2)}
    assert State(()).step_names == frozenset()
