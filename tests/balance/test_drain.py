"""An engine leaves the load balancer and returns, and no client notices."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.balance.conftest import Client
from tests.balance.support.haproxy import FREE, Balanced, Counting
from tests.support.waiting import wait_for


def test_a_drained_engine_answers_what_it_has_and_gets_nothing_new(
    behind: Balanced[Counting], client: Client
) -> None:
    engine = behind.engine(behind.get())
    engine.pause = 2.0
    slow: list[str] = []
    asking = threading.Thread(target=lambda: slow.append(behind.get("/slow")))
    asking.start()
    assert engine.serving.wait(20)
    began = time.monotonic()
    done = engine.drain("out", "20")
    assert (done.returncode, done.stdout) == (0, f"{engine.node_id} has no requests any more\n"), done.stderr
    assert time.monotonic() - began > 1
    asking.join()
    assert slow == [engine.node_id]
    (other,) = [e for e in behind.engines if e is not engine]
    seen = len(client.answers)
    assert {behind.get() for _ in range(20)} == {other.node_id}, "a client that sticks to it is sent to it"
    assert set(client.answers[seen:]) == {other.node_id}


@pytest.mark.usefixtures("client")
def test_it_is_back_when_clients_get_to_it(behind: Balanced[Counting]) -> None:
    first, second = behind.engines
    first.drain("out", "20")
    done = first.drain("back", "20")
    assert (done.returncode, done.stdout) == (0, "policy-engine-1 gets requests again\n"), done.stderr
    assert behind.state("policy-engine-1").startswith(FREE)
    second.drain("out", "20")
    assert behind.get() == "policy-engine-1"


def test_one_that_is_not_well_is_not_back(behind: Balanced[Counting]) -> None:
    first = behind.engines[0]
    first.drain("out", "20")
    first.healthy = False
    behind.until(first.node_id, "0 ")
    done = first.drain("back", "1")
    assert done.returncode == 1
    assert done.stdout == "policy-engine-1 after 1 s at the load balancer: down, weight 0, 0 requests\n"


def test_a_request_that_takes_too_long_is_told_and_not_waited_for(behind: Balanced[Counting]) -> None:
    engine = behind.engine(behind.get())
    engine.pause = 6.0
    asking = threading.Thread(target=lambda: behind.get("/slow"))
    asking.start()
    assert engine.serving.wait(20)
    done = engine.drain("out", "1")
    assert done.returncode == 0
    assert "up, weight 0, 1 requests" in done.stdout
    asking.join()


@contextmanager
def another_balancer(engine: Counting, said: list[str], name: str = "asked-127.0.0.2") -> Iterator[None]:
    """Another load balancer, which asks the agent all the time. It reports the last of `said` about the engine."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(said[-1].encode())

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        asked = engine.run / f"{engine.node_id}.{name}"
        asked.write_text(f"http://127.0.0.1:{server.server_port}/{engine.node_id}")
        later = time.time() + 600
        os.utime(asked, (later, later))
        yield
        asked.unlink()
        server.shutdown()


def test_every_load_balancer_that_asks_is_waited_for(behind: Balanced[Counting]) -> None:
    engine = behind.engines[0]
    said = ["1 100 3"]
    with another_balancer(engine, said):
        assert "up, weight 100, 3 requests" in engine.drain("out", "2").stdout
        said.append("1 0 0")
        assert engine.drain("out", "20").stdout == f"{engine.node_id} has no requests any more\n"
        assert engine.drain("back", "2").returncode == 1
        said.append("1 100 0")
        assert engine.drain("back", "20").returncode == 0


def test_the_load_balancer_of_an_older_agent_is_waited_for(behind: Balanced[Counting]) -> None:
    """An upgrade restarts the agent and at once the engine, before HAProxy asks the new agent."""
    engine = behind.engines[0]
    states = ["1 100 3"]
    with another_balancer(engine, states, name="asked"):
        assert "up, weight 100, 3 requests" in engine.drain("out", "2").stdout
    engine.drain("back", "20")


def test_an_engine_that_ended_by_itself_is_not_drained(behind: Balanced[Counting]) -> None:
    engine = behind.engines[0]
    assert engine.drain("out", "20", main_pid=False).returncode == 0
    assert not (engine.run / "policy-engine-1.left").exists()


def test_without_a_load_balancer_nobody_is_waited_for(behind: Balanced[Counting]) -> None:
    engine = behind.engines[0]
    behind.process.terminate()
    behind.process.wait(20)
    began = time.monotonic()
    assert engine.drain("out", "30").returncode == 0
    assert engine.drain("back", "30").returncode == 0
    assert time.monotonic() - began < 15
    (engine.run / "policy-engine-1.asked-127.0.0.1").unlink()
    assert engine.drain("back", "30").returncode == 0


def test_a_reload_keeps_clients_where_they_are(behind: Balanced[Counting]) -> None:
    first, second = behind.engines
    first.drain("out", "20")
    assert behind.get() == second.node_id
    first.drain("back", "20")
    # A process first waits 5 s for the table of an older process, and only then passes its own table on.
    wait_for("HAProxy is past its start", 15, lambda: "resync_timeout=<PAST>" in behind.runtime("show peers"))
    behind.reload()
    stuck = "server_key=policy-engine-2"
    wait_for("the table is handed on", 15, lambda: stuck in behind.runtime("show table policy_engines"))
    assert {behind.get() for _ in range(20)} == {second.node_id}


@pytest.mark.usefixtures("client")
def test_an_engine_is_forgotten_without_a_client_that_notices(behind: Balanced[Counting]) -> None:
    first, second = behind.engines
    behind.runtime(f"disable agent policy_engines/{second.node_id}")
    behind.runtime(f"set weight policy_engines/{second.node_id} 0%")
    behind.until(second.node_id, "1 0 0")
    behind.write([first])
    behind.reload()
    began = time.monotonic()
    assert second.drain("back", "30").returncode == 0
    assert time.monotonic() - began < 10
    assert {behind.get() for _ in range(50)} == {first.node_id}
