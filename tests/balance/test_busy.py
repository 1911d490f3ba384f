"""Busy is not dead: who gets what while an engine is at work, hangs, is killed, cannot serve, or has no agent."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import unquote

import pytest

from components.foundation.template import render
from tests.acceptance.waiting import wait_for
from tests.balance.balanced import BUSY, DOWN, FREE, Balanced, Counting, Engine, agent, balanced, running
from tests.balance.conftest import Client
from tests.render.cases import case
from tests.render.judges import congress_python, run

# Which paths an engine has open, as api-paste.ini maps them.
MAPPED = """
import json, sys
from paste.urlmap import URLMap
urls = URLMap()
for name in ("/", "/v1", "/health"):
    urls[name] = lambda environ, _, name=name: print("open" if name == "/health" else "closed")
for path in json.load(sys.stdin):
    urls({"PATH_INFO": path, "SCRIPT_NAME": "", "HTTP_HOST": "congress", "wsgi.url_scheme": "http"}, None)
"""
AT_WORK = 8  # seconds; HAProxy's check of an engine by a question to its loop would give up twice meanwhile


class Looping(Engine):
    """A process of its own (looping.py)."""

    process: subprocess.Popen[bytes]

    def __init__(self, number: int, run: Path) -> None:
        super().__init__(number, run)
        self.unwell, self.log = run / f"{self.node_id}.unwell", run / f"{self.node_id}.log"

    @contextmanager
    def started(self, seconds: float = 0) -> Iterator[None]:
        words = [self.node_id, str(self.port), str(self.unwell), str(seconds)]
        script = Path(__file__).with_name("looping.py")
        with running([sys.executable, script, *words], self.log) as self.process:
            wait_for("it takes connections", 30, lambda: self.listening() is not None, pause=0.05)
            try:
                yield
            finally:
                self.process.kill()

    def listening(self) -> int | None:
        """How many connections wait to be taken; None while the engine takes none."""
        told = subprocess.check_output(["ss", "-Hltn", f"sport = :{self.port}"], text=True)
        return int(told.split()[1]) if told else None

    def asked(self, path: str) -> int:
        """How often."""
        return self.log.read_text().splitlines().count(path)


@pytest.fixture
def looping(tmp_path: Path) -> Iterator[Balanced[Looping]]:
    """Once more where it did not come up: a port that was free may be another process's by the time it is bound."""
    with ExitStack() as stack:
        folders = [tmp_path / "first", tmp_path / "second"]
        for folder in folders:
            folder.mkdir()
        try:
            found = stack.enter_context(balanced(folders[0], Looping))
        except AssertionError:
            found = stack.enter_context(balanced(folders[1], Looping))
        yield found


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(400) as threads:
        yield threads


def at_work(behind: Balanced[Looping], pool: ThreadPoolExecutor) -> tuple[Looping, Looping, Future[str]]:
    """An engine that a client's request keeps at work, so that HAProxy knows it to be busy; the other one; the answer
    to that request.
    """
    engine = behind.engine(behind.get())
    (other,) = (found for found in behind.engines if found is not engine)
    request = pool.submit(behind.get, f"/busy/{AT_WORK}")
    behind.until(engine.node_id, BUSY)
    return engine, other, request


def never_down(behind: Balanced[Looping], *engines: Looping) -> bool:
    """HAProxy's own count."""
    names, *rows = (line.split(",") for line in behind.runtime("show stat").splitlines() if line)
    found = [dict(zip(names, row, strict=True)) for row in rows]
    (changes,) = ({row["svname"]: row["chkdown"] for row in found if row["# pxname"] == "policy_engines"},)
    return all(changes[engine.node_id] == "0" for engine in engines)


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
    (other,) = (found for found in looping.engines if found is not engine)
    other.process.kill()
    looping.until(other.node_id, DOWN)
    request = pool.submit(looping.get, f"/busy/{AT_WORK}")
    looping.until(engine.node_id, BUSY)
    # More than a backlog of the usual size keeps.
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
    # The one that answered the client last.
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
        # It takes connections and has never said that it can serve.
        wait_for("it is asked", 10, engine.listening)
        time.sleep(3)
        assert looping.state(engine.node_id).startswith(DOWN)
        looping.until(engine.node_id, FREE)


def test_one_that_is_stopped_gets_nothing_while_the_other_is_free(
    looping: Balanced[Looping], pool: ThreadPoolExecutor
) -> None:
    engine = looping.engine(looping.get())
    (other,) = (found for found in looping.engines if found is not engine)
    request = pool.submit(looping.get, "/wait/1")
    wait_for("it is under way", 10, lambda: engine.asked("/wait/1"))
    engine.process.send_signal(signal.SIGSTOP)
    looping.until(engine.node_id, BUSY)
    assert {looping.get() for _ in range(20)} == {other.node_id}
    engine.process.send_signal(signal.SIGCONT)
    assert request.result() == engine.node_id
    looping.until(engine.node_id, FREE)


def test_a_busy_one_with_nothing_under_way_gets_hardly_a_new_client(behind: Balanced[Counting]) -> None:
    """Leastconn looks at no weight where nothing is under way, and gave it every other one."""
    engine, _ = behind.engines
    behind.runtime(f"disable agent policy_engines/{engine.node_id}")
    behind.runtime(f"set weight policy_engines/{engine.node_id} 1")
    behind.until(engine.node_id, BUSY)
    answers = [answered(behind, source=f"127.0.0.{100 + number}") for number in range(40)]
    # One of a hundred, by its weight.
    assert answers.count(engine.node_id) < 8


def test_one_that_starts_without_its_tables_is_up_and_gets_hardly_a_client(
    behind: Balanced[Counting],
) -> None:
    engine = behind.engine(behind.get())
    (other,) = (found for found in behind.engines if found is not engine)
    engine.healthy = False
    behind.until(engine.node_id, DOWN)
    engine.loading = engine.healthy = True
    behind.until(engine.node_id, BUSY)
    assert {behind.get() for _ in range(20)} == {other.node_id}
    answers = [answered(behind, source=f"127.0.0.{100 + number}") for number in range(40)]
    assert answers.count(engine.node_id) < 8
    # The last one serves, with what it has.
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


def test_one_that_cannot_serve_is_taken_out_and_what_hangs_there_is_cut(
    looping: Balanced[Looping], pool: ThreadPoolExecutor
) -> None:
    engine = looping.engine(looping.get())
    request = pool.submit(looping.get, "/wait/60")
    wait_for("it is under way", 10, lambda: engine.asked("/wait/60"))
    engine.unwell.touch()
    looping.until(engine.node_id, DOWN)
    with pytest.raises(urllib.error.HTTPError, match=r"502|503"):
        request.result()
    assert looping.get() != engine.node_id
    engine.unwell.unlink()
    looping.until(engine.node_id, FREE)


def test_when_none_can_serve_the_endpoint_says_so_at_once(looping: Balanced[Looping]) -> None:
    assert looping.get("/health") == "200 OK\n"
    for engine in looping.engines:
        engine.unwell.touch()
    for engine in looping.engines:
        looping.until(engine.node_id, DOWN)
    for path in ("/health", "/%68ealth", "/v1/policies"):
        with pytest.raises(urllib.error.HTTPError, match="503"):
            looping.get(path)


def test_without_its_agent_an_engine_goes_on_and_its_end_is_found(looping: Balanced[Looping]) -> None:
    engine = looping.engine(looping.get())
    lost = looping.agents[engine.node_id]
    lost.kill()
    lost.wait()
    time.sleep(3)  # three checks
    assert looping.get() == engine.node_id
    assert never_down(looping, engine)
    engine.process.kill()
    looping.until(engine.node_id, DOWN)
    assert looping.get() != engine.node_id


def test_an_agent_that_begins_while_its_engine_is_busy_takes_nothing_away(
    looping: Balanced[Looping], pool: ThreadPoolExecutor
) -> None:
    engine, other, request = at_work(looping, pool)
    lost = looping.agents[engine.node_id]
    lost.kill()
    lost.wait()
    with agent(looping, engine):
        assert request.result() == engine.node_id
        looping.until(engine.node_id, FREE)
    assert never_down(looping, engine, other)


def test_the_load_balancer_s_step_ends_when_every_engine_s_agent_said_that_it_can_serve(
    looping: Balanced[Looping],
) -> None:
    script = render("load_balancer/haproxy.sh.j2", case("load_balancer/haproxy.sh.j2").context)
    functions = "\n".join(re.findall(r"^(?:engines|all_up)\(\) \{.*\}$", script, re.MULTILINE))
    functions = functions.replace("127.0.0.1:8404", f"127.0.0.1:{looping.statistics}")

    def all_up() -> bool:
        return subprocess.run(["bash", "-c", f"{functions}\nall_up"], check=False).returncode == 0

    assert all_up()
    first, second = looping.engines
    first.unwell.touch()
    looping.until(first.node_id, DOWN)
    assert not all_up()
    first.unwell.unlink()
    wait_for("it is up again", 15, all_up)
    lost = looping.agents[second.node_id]
    lost.kill()
    lost.wait()
    looping.reload()
    assert looping.get("/health") == "200 OK\n"
    time.sleep(3)  # HAProxy has asked each engine and each agent
    assert not all_up()


def test_a_configuration_that_knows_nothing_of_busy_engines_is_told_no_less_than_before(
    looping: Balanced[Looping], pool: ThreadPoolExecutor
) -> None:
    """There an engine's weight is 1, of which 1% is nothing."""
    engine, _, request = at_work(looping, pool)

    def told(line: bytes) -> bytes:
        with socket.create_connection(("127.0.0.1", engine.agent_port), timeout=5) as asking:
            asking.sendall(line)
            return asking.recv(64)

    assert told(b"weight 100\n") == b"1%\n"
    assert told(b"") == b"100%\n"
    request.result()


def test_a_busy_engine_can_be_drained(looping: Balanced[Looping], pool: ThreadPoolExecutor) -> None:
    engine, _, request = at_work(looping, pool)
    done = engine.drain("out", "30")
    assert (done.returncode, done.stdout) == (0, f"{engine.node_id} has no requests any more\n"), done.stderr
    assert request.result() == engine.node_id
    looping.until(engine.node_id, "1 0 0")


def test_a_flood_of_health_reaches_no_engine(looping: Balanced[Looping]) -> None:
    client, over = Client(looping), threading.Event()
    asked: list[int] = []

    def flood() -> None:
        count = 0
        while not over.is_set():
            assert looping.get("/health") == "200 OK\n"
            count += 1
        asked.append(count)

    before = [engine.asked("/health") for engine in looping.engines]
    began = time.monotonic()
    client.start()
    with ThreadPoolExecutor(20) as pool:
        flooding = [pool.submit(flood) for _ in range(20)]
        time.sleep(5)
        over.set()
    for each in flooding:
        each.result()
    client.end()
    # The agent's own questions, two a second.
    most = 2 * (time.monotonic() - began) + 2
    for engine, already in zip(looping.engines, before, strict=True):
        assert engine.asked("/health") - already <= most
    assert sum(asked) > 10 * most
    assert never_down(looping, *looping.engines)


def test_no_other_way_to_write_health_reaches_an_engine(looping: Balanced[Looping]) -> None:
    """Which of them an engine takes for its own /health, Congress's urlmap itself is asked."""
    ways = ["/health/", "//health", "/health/x", "/%2Fhealth%2f", "/%68ealth/", "/health?x=1"]
    others = ["/healthy", "/Health", "/v1/health", "/v1//health"]
    asked = json.dumps([unquote(way.partition("?")[0]) for way in (*ways, *others)])
    mapped = run(congress_python(), "-c", MAPPED, stdin=asked)
    assert mapped.stdout.split() == ["open"] * len(ways) + ["closed"] * len(others), mapped.stderr
    assert {looping.get(way) for way in ways} == {"200 OK\n"}
    engines = {engine.node_id for engine in looping.engines}
    assert {looping.get(other) for other in others} <= engines
