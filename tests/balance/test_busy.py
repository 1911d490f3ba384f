"""A busy engine is not dead: which requests it gets while it is at work, hangs, is killed or starts."""

from __future__ import annotations

import contextlib
import http.client
import signal
import time
import urllib.error
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.balance.conftest import Client
from tests.balance.support.haproxy import (
    BUSY,
    DOWN,
    FREE,
    Balanced,
    Counting,
)
from tests.balance.support.looping_engine import AT_WORK, Looping, at_work, never_down
from tests.support.waiting import wait_for


def test_what_a_busy_engine_serves_is_answered_and_its_clients_go_to_the_other(
    looping: Balanced[Looping], pool: ThreadPoolExecutor
) -> None:
    engine, other, request = at_work(looping, pool)
    assert {looping.get() for _ in range(20)} == {other.node_id}
    assert not request.done()
    assert request.result() == engine.node_id
    looping.until(engine.node_id, FREE)
    assert never_down(looping, engine, other)


def test_no_client_notices_that_the_other_engine_is_busy(
    looping: Balanced[Looping], pool: ThreadPoolExecutor
) -> None:
    engine, other, request = at_work(looping, pool)
    client = Client(looping)
    client.start()
    wait_for("the client is served", 10, lambda: len(client.answers) > 50)
    seen = set(client.answers)
    assert not request.done()
    assert seen == {other.node_id}
    assert request.result() == engine.node_id
    looping.until(engine.node_id, FREE)
    client.end()


def test_the_last_engine_stays_when_it_is_busy(looping: Balanced[Looping], pool: ThreadPoolExecutor) -> None:
    engine = looping.engine(looping.get())
    (other,) = (candidate for candidate in looping.engines if candidate is not engine)
    other.process.kill()
    looping.until(other.node_id, DOWN)
    request = pool.submit(looping.get, f"/busy/{AT_WORK}")
    looping.until(engine.node_id, BUSY)
    # More than fit into a backlog of the usual size.
    waiting = [pool.submit(looping.get) for _ in range(300)]
    assert {answer.result() for answer in (request, *waiting)} == {engine.node_id}
    assert never_down(looping, engine)


def test_when_all_are_busy_clients_stay_where_they_are(
    looping: Balanced[Looping], pool: ThreadPoolExecutor
) -> None:
    engine, other, request = at_work(looping, pool)
    also = pool.submit(looping.get, f"/busy/{AT_WORK}")
    looping.until(other.node_id, BUSY)
    assert looping.state(engine.node_id).startswith(BUSY)
    assert looping.get("/health") == "200 OK\n"
    # The engine that answered the client last.
    waiting = [pool.submit(looping.get) for _ in range(20)]
    assert {answer.result() for answer in (request, *waiting)} == {engine.node_id}
    assert also.result() == other.node_id
    assert never_down(looping, engine, other)


def test_one_killed_while_it_is_busy_is_found_at_once(
    looping: Balanced[Looping], pool: ThreadPoolExecutor
) -> None:
    engine, other, request = at_work(looping, pool)
    engine.process.kill()
    looping.until(engine.node_id, DOWN)
    with pytest.raises(urllib.error.HTTPError, match="502"):
        request.result()
    assert {looping.get() for _ in range(20)} == {other.node_id}
    with engine.started(seconds=4):
        # It accepts connections and has never reported that it can serve.
        wait_for("it is asked", 10, engine.listening)
        time.sleep(3)
        assert looping.state(engine.node_id).startswith(DOWN)
        looping.until(engine.node_id, FREE)


def test_one_that_is_stopped_gets_nothing_while_the_other_is_free(
    looping: Balanced[Looping], pool: ThreadPoolExecutor
) -> None:
    engine = looping.engine(looping.get())
    (other,) = (candidate for candidate in looping.engines if candidate is not engine)
    request = pool.submit(looping.get, "/wait/1")
    wait_for("it is under way", 10, lambda: engine.asked("/wait/1"))
    engine.process.send_signal(signal.SIGSTOP)
    looping.until(engine.node_id, BUSY)
    assert {looping.get() for _ in range(20)} == {other.node_id}
    engine.process.send_signal(signal.SIGCONT)
    assert request.result() == engine.node_id
    looping.until(engine.node_id, FREE)


def test_a_busy_one_with_nothing_under_way_gets_hardly_a_new_client(behind: Balanced[Counting]) -> None:
    """Regression: without requests in progress, leastconn ignores weights and sent it every other client."""
    engine, _ = behind.engines
    behind.runtime(f"disable agent policy_engines/{engine.node_id}")
    behind.runtime(f"set weight policy_engines/{engine.node_id} 1")
    behind.until(engine.node_id, BUSY)
    answers = [answered(behind, source=f"127.0.0.{100 + number}") for number in range(40)]
    # Its weight gives it one of a hundred.
    assert answers.count(engine.node_id) < 8


def test_one_that_starts_without_its_tables_is_up_and_gets_hardly_a_client(
    behind: Balanced[Counting],
) -> None:
    engine = behind.engine(behind.get())
    (other,) = (candidate for candidate in behind.engines if candidate is not engine)
    engine.healthy = False
    behind.until(engine.node_id, DOWN)
    engine.loading = engine.healthy = True
    behind.until(engine.node_id, BUSY)
    assert {behind.get() for _ in range(20)} == {other.node_id}
    answers = [answered(behind, source=f"127.0.0.{100 + number}") for number in range(40)]
    assert answers.count(engine.node_id) < 8
    # The last engine serves with the tables that it has.
    other.healthy = False
    behind.until(other.node_id, DOWN)
    assert {behind.get() for _ in range(20)} == {engine.node_id}
    other.healthy = True
    engine.loading = False
    behind.until(engine.node_id, FREE)
    behind.until(other.node_id, FREE)


def answered(behind: Balanced[Counting], source: str) -> str:
    connection = http.client.HTTPSConnection(
        "127.0.0.1", behind.port, timeout=10, source_address=(source, 0), context=behind.tls
    )
    with contextlib.closing(connection):
        connection.request("GET", "/v1/data")
        return connection.getresponse().read().decode()
