"""An engine that answers nothing for a while is busy and not dead, on the real hosts.

SIGSTOP blocks its event loop, as a long evaluation does; `congress_runtime.guard` would kill it after 120 s.
"""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from tests.acceptance.support.deployment import Deployment, request
from tests.acceptance.support.haproxy_statistics import taken_down, weights
from tests.acceptance.support.traffic import Traffic
from tests.support.waiting import wait_for

pytestmark = pytest.mark.timeout(600)

SLOW = 5  # seconds that a request may take on a busy machine
AT_WORK = 15  # seconds: a check that asks its loop would have given up twice
FREE, BUSY = "100", "1"


@contextmanager
def at_work(deployment: Deployment, *engines: dict[str, Any]) -> Iterator[None]:
    """Whether HAProxy has marked it as busy."""
    kill = "systemctl kill --kill-whom=main congress-policy-engine@{} --signal {}"
    try:
        for engine in engines:
            deployment.on(engine["host"], kill.format(engine["node_id"], "STOP"))
        for engine in engines:
            weighs(deployment, engine, BUSY)
        yield
    finally:
        for engine in engines:
            deployment.on(engine["host"], kill.format(engine["node_id"], "CONT"))
    for engine in engines:
        weighs(deployment, engine, FREE)


def weighs(deployment: Deployment, engine: dict[str, Any], weight: str) -> None:
    wait_for(
        f"{engine['node_id']} has weight {weight}",
        20,
        lambda: weights(deployment, engine["node_id"]) == {weight},
    )


@contextmanager
def read_only_client(deployment: Deployment) -> Iterator[list[tuple[float, float, int]]]:
    """A client that only reads: the start, the duration in seconds and the status of each request.

    A client that writes might hold table locks when its engine is stopped.
    """
    over, asked = threading.Event(), []

    def read() -> None:
        while not over.wait(0.05):
            began = time.time()
            status = deployment.api("GET", "/v1/policies").status
            asked.append((began, time.time() - began, status))

    with ThreadPoolExecutor(1) as pool:
        reader = pool.submit(read)
        wait_for("it is served", 20, lambda: asked)
        try:
            yield asked
        finally:
            over.set()
        reader.result()


@pytest.mark.parametrize("number", [0, 1])
def test_clients_of_a_busy_engine_go_to_the_other_one(deployment: Deployment, number: int) -> None:
    before = taken_down(deployment)
    with read_only_client(deployment) as asked:
        with at_work(deployment, deployment.engines[number]):
            marked = time.time()
            time.sleep(AT_WORK)
            end = time.time()
        # Requests in progress when it was stopped were answered when it continued.
        wait_for("all is answered", 20, lambda: asked[-1][0] > end)
    assert {status for _, _, status in asked} == {200}
    # One that went to the stopped engine was answered after it continued.
    assert [
        began for began, seconds, _ in asked if marked < began < end - SLOW and began + seconds > end
    ] == []
    assert taken_down(deployment) == before


def test_clients_wait_and_no_request_fails_while_all_engines_are_busy(
    deployment: Deployment, clients: Traffic
) -> None:
    before, began = taken_down(deployment), time.time()
    with at_work(deployment, *deployment.engines):
        time.sleep(AT_WORK)
    clients.answered()
    assert [str(asked) for asked in clients.failed(began)] == []
    assert taken_down(deployment) == before


def test_a_flood_of_health_requests_takes_no_engine_out_of_service(
    deployment: Deployment, clients: Traffic
) -> None:
    before, began = taken_down(deployment), time.time()

    def flood(tls: ssl.SSLContext) -> set[int]:
        statuses = set()
        while time.time() < began + 10:
            statuses.add(request("GET", f"{deployment.endpoint}/health", tls=tls).status)
        return statuses

    with ThreadPoolExecutor(20) as pool:
        statuses = set().union(*pool.map(flood, [deployment.tls] * 20))
    clients.answered()
    assert statuses == {200}
    assert [str(asked) for asked in clients.failed(began)] == []
    assert taken_down(deployment) == before
