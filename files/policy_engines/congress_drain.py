#!/usr/bin/python3

"""How many requests a policy engine is to get: none that is dead, few that is busy, none that is about to stop.

congress-drain agent NODE_ID ADDRESS PORT STATE_PORT ENGINE_PORT   answers HAProxy's agent-check
congress-drain out NODE_ID SECONDS    asks for no more requests, waits until the last is answered
congress-drain back NODE_ID SECONDS   asks for requests again, waits until HAProxy sends them

The agent is a process of its own, because a busy engine cannot say that it is busy: its loop stands still while it
evaluates a policy or takes in rows. It asks the engine's /health, one question at a time.

    the engine                               HAProxy is told   and
    answers 200                              up 100%           sends requests
    answers 200, "loading N tables"          up 1%             sends few, all of them when there is no other engine
    says nothing for BUSY seconds            1%                sends few, and leaves up or down as it was
    answers 503, FALL times in a row         down              sends none, and cuts what is under way
    takes no connection: its process ended   down              likewise

Silence never takes an engine out: to end a process that hangs is the guard's task. The weights are percents of
an engine's weight in HAProxy's configuration, which is 100. A configuration of before there were busy engines has 1,
and 1% of that would be nothing; it sends no line (agent-send), and is told 100% as before.

0%, and not "drain" or "maint": HAProxy would go on sending the clients that stick to a draining engine, and cut
the requests that one in maintenance still serves (on-marked-down). The security groups let nobody but the load
balancer ask the agent, so whoever asked last is the load balancer; its STATE_PORT tells what it thinks of the engine.
An engine that nobody asks for, or that the load balancer does not know (any more), gets no requests to wait for.
"""

import os
import socketserver
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import NamedTuple

RUN = Path(os.environ.get("CONGRESS_DRAIN_RUN", "/run/congress-drain"))
# HAProxy asks twice a second (agent-inter).
SILENCE = 5.0
PAUSE = 0.1
ALL, FEW, NONE = "100%", "1%", "0%"
LINE = 0.2  # seconds for the line that HAProxy sends at once
# A client whose engine is busy goes to another one, which may know less of what he just changed: not for every pause.
BUSY = 2.0
BETWEEN = 0.5  # seconds from an answer to the next question
FALL = 3
LOADING = b"\nloading "  # as congress_runtime/wsgi/health.py says it
PATIENCE = 30.0  # until a question that nobody answers is asked again


class State(NamedTuple):
    """What the load balancer thinks of an engine."""

    up: bool
    weight: int
    requests: int

    def __str__(self) -> str:
        return f"{'up' if self.up else 'down'}, weight {self.weight}, {self.requests} requests"


class Engine:
    def __init__(self, node_id: str) -> None:
        self.node_id = node_id
        self.left = RUN / f"{node_id}.left"
        self.asked = RUN / f"{node_id}.asked"

    def state(self) -> State | None:
        """The load balancer's view; None without one that knows the engine. Raises without a whole answer."""
        try:
            if time.time() - self.asked.stat().st_mtime > SILENCE:
                return None
            url = self.asked.read_text()
        except FileNotFoundError:
            return None
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310  http, by the agent below
                up, weight, requests = map(int, answer.read().split())
        except urllib.error.HTTPError as error:
            if error.code == HTTPStatus.NOT_FOUND:
                return None
            raise
        return State(bool(up), weight, requests)

    def wait(self, seconds: float, reached: Callable[[State], bool]) -> str:
        """Empty as soon as the load balancer's view is as wanted, or there is none; what it was at the deadline."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                state = self.state()
            except (OSError, HTTPException, ValueError) as error:
                seen = f"no answer from the load balancer: {error}"
            else:
                if state is None or reached(state):
                    return ""
                seen = str(state)
            if time.monotonic() > deadline:
                return f"{self.node_id} after {seconds:.0f} s at the load balancer: {seen}"
            time.sleep(PAUSE)


class Health:
    """What the engine says of itself, and since when it has said nothing."""

    def __init__(self, address: str, port: int) -> None:
        self.address, self.port = address, port
        self.known = threading.Event()
        self.waiting_since: float | None = None
        self.failures = 0
        self.loading = False

    def word(self) -> str:
        """For HAProxy. What is neither up nor down leaves its opinion as it is."""
        since = self.waiting_since  # the other thread may change it meanwhile
        if not self.known.is_set() or (since is not None and time.monotonic() - since > BUSY):
            return FEW
        if self.failures == 0:
            return f"up {FEW if self.loading else ALL}"
        return "down" if self.failures >= FALL else ALL

    def watch(self) -> None:
        while True:
            self.waiting_since = self.waiting_since or time.monotonic()
            try:
                well = self.ask()
            except TimeoutError:
                continue
            except ConnectionRefusedError:
                self.failures = FALL
            except (OSError, HTTPException):
                self.failures += 1
            else:
                self.failures = 0 if well else self.failures + 1
            self.waiting_since = None
            self.known.set()
            time.sleep(BETWEEN)

    def ask(self) -> bool:
        connection = HTTPConnection(self.address, self.port, timeout=PATIENCE)
        try:
            connection.request("GET", "/health")
            answer = connection.getresponse()
            self.loading = LOADING in answer.read(1000)
            return answer.status == HTTPStatus.OK
        finally:
            connection.close()


def agent(engine: Engine, health: Health, port: int, state_port: int) -> None:
    class Answer(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            knows_few = self.sent_a_line()
            new = engine.asked.with_suffix(".new")
            new.write_text(f"http://{self.client_address[0]}:{state_port}/{engine.node_id}")
            new.replace(engine.asked)
            word = health.word()
            if engine.left.exists() and word != "down":
                word = NONE
            elif not knows_few:
                word = word.replace(FEW, ALL)
            self.request.sendall(f"{word}\n".encode())

        def sent_a_line(self) -> bool:
            self.request.settimeout(LINE)
            try:
                return bool(self.request.recv(64))
            except TimeoutError:
                return False

    class Server(socketserver.TCPServer):
        allow_reuse_address = True

    with Server((health.address, port), Answer) as server:

        def answer() -> None:
            health.known.wait(BUSY)
            server.serve_forever()

        threading.Thread(target=answer, daemon=True).start()
        health.watch()


def out(engine: Engine, seconds: float) -> int:
    if "MAINPID" not in os.environ:
        return 0  # systemd runs this also for an engine that ended by itself
    engine.left.touch()
    told = engine.wait(seconds, lambda state: state.weight == 0 and state.requests == 0)
    # A stop is a stop: what is unanswered at the deadline is cut.
    print(told or f"{engine.node_id} serves nobody")
    return 0


def back(engine: Engine, seconds: float) -> int:
    engine.left.unlink(missing_ok=True)
    told = engine.wait(seconds, lambda state: state.up and state.weight > 0)
    print(told or f"{engine.node_id} is served to clients")
    return 1 if told else 0


def main(arguments: list[str]) -> int:
    match arguments:
        case ["agent", node_id, address, port, state_port, engine_port]:
            agent(Engine(node_id), Health(address, int(engine_port)), int(port), int(state_port))
            return 0
        case ["out", node_id, seconds]:
            return out(Engine(node_id), float(seconds))
        case ["back", node_id, seconds]:
            return back(Engine(node_id), float(seconds))
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
