"""Engines that cannot serve, engines without an agent, and how the step and the drain treat busy engines."""

from __future__ import annotations

import re
import socket
import subprocess
import time
import urllib.error
from concurrent.futures import ThreadPoolExecutor

import pytest

from components.foundation.template import render
from tests.balance.support.haproxy import (
    DOWN,
    FREE,
    Balanced,
    agent,
)
from tests.balance.support.looping_engine import Looping, at_work, never_down
from tests.render.support.cases import case
from tests.support.waiting import wait_for


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
    """In that configuration an engine has weight 1, and 1% of 1 is rounded to 0."""
    engine, _, request = at_work(looping, pool)

    def agent_answer(line: bytes) -> bytes:
        with socket.create_connection(("127.0.0.1", engine.agent_port), timeout=5) as asking:
            asking.sendall(line)
            return asking.recv(64)

    assert agent_answer(b"weight 100\n") == b"1%\n"
    assert agent_answer(b"") == b"100%\n"
    request.result()


def test_a_busy_engine_can_be_drained(looping: Balanced[Looping], pool: ThreadPoolExecutor) -> None:
    engine, _, request = at_work(looping, pool)
    done = engine.drain("out", "30")
    assert (done.returncode, done.stdout) == (0, f"{engine.node_id} has no requests any more\n"), done.stderr
    assert request.result() == engine.node_id
    looping.until(engine.node_id, "1 0 0")
