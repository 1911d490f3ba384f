"""Several engines leave the load balancer at the same time, in the order of the program, and no client notices."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from components.policy_engines import placements, predecessors
from settings import PolicyEngines
from tests.balance.conftest import Client
from tests.balance.support.haproxy import DOWN, Balanced, Counting, balanced
from tests.support.waiting import wait_for

COUNT, AT_ONCE = 6, 3
NODE_IDS = [placement.node_id for placement in placements(PolicyEngines(count=COUNT))]


class Restarting(Counting):
    @contextmanager
    def started(self) -> Iterator[None]:
        self.listening = ExitStack()
        self.start()
        yield
        self.stop()

    def start(self) -> None:
        self.listening.enter_context(super().started())

    def stop(self) -> None:
        self.listening.close()


@pytest.fixture
def several(tmp_path: Path) -> Iterator[Balanced[Restarting]]:
    with balanced(tmp_path, Restarting, COUNT) as balancer:
        yield balancer


@pytest.fixture
def clients(several: Balanced[Restarting]) -> Iterator[list[Client]]:
    """As many clients as engines, each with its own address, so that they stick to several engines."""
    clients = [Client(several, f"127.0.0.{number}") for number in range(2, COUNT + 2)]
    for client in clients:
        client.start()
    wait_for("each client has an engine", 30, lambda: all(client.answers for client in clients))
    yield clients
    for client in clients:
        client.over.set()
        client.join(40)


class Roll:
    """Restarts the engines as their steps do. `away`: how many were away at the same time, at most."""

    def __init__(self, behind: Balanced[Restarting]) -> None:
        self.behind, self.lock = behind, threading.Lock()
        self.now = self.away = 0

    def restart(self, node_id: str, before: list[Future[None]]) -> None:
        for step in before:
            step.result()
        engine = self.behind.engine(node_id)
        with self.lock:
            self.now += 1
            self.away = max(self.away, self.now)
        done = engine.drain("out", "20")
        assert done.stdout == f"{node_id} has no requests any more\n"
        engine.stop()
        self.behind.until(node_id, DOWN)
        engine.start()
        done = engine.drain("back", "60")
        assert done.returncode == 0, done.stdout
        with self.lock:
            self.now -= 1

    def run(self, needed: dict[str, tuple[str, ...]]) -> None:
        steps: dict[str, Future[None]] = {}
        with ThreadPoolExecutor(len(needed)) as pool:
            for node_id, before in needed.items():
                steps[node_id] = pool.submit(self.restart, node_id, [steps[one] for one in before])
        for step in steps.values():
            step.result()


def test_a_rolling_change_of_several_at_once_fails_no_request(
    several: Balanced[Restarting], clients: list[Client]
) -> None:
    roll = Roll(several)
    answered = [len(client.answers) for client in clients]
    roll.run(predecessors(placements(PolicyEngines(count=COUNT)), NODE_IDS, AT_ONCE))
    assert roll.away == AT_ONCE
    assert [client.errors for client in clients] == [[]] * COUNT
    assert all(len(client.answers) > before for client, before in zip(clients, answered, strict=True))


def test_all_at_once_is_noticed(several: Balanced[Restarting], clients: list[Client]) -> None:
    """Otherwise the test above would prove nothing."""
    Roll(several).run(dict.fromkeys(NODE_IDS, ()))
    assert any(client.errors for client in clients)
