#!/usr/bin/python3

"""Tells HAProxy how many requests a policy engine may get, and drains the engine before it stops.

congress-drain agent NODE_ID ADDRESS PORT STATE_PORT ENGINE_PORT   answers HAProxy's agent-check
congress-drain out NODE_ID SECONDS    drains the engine and waits until its last request is answered
congress-drain back NODE_ID SECONDS   ends the drain and waits until HAProxy sends requests again

The agent is a separate process, because a busy engine cannot report that it is busy: its loop stands still while it
evaluates a policy or receives rows. The agent requests the engine's /health, one request at a time.

    the engine                              the agent answers   HAProxy
    answers 200                             up 100%             sends requests
    answers 200, "loading N tables"         up 1%               sends few; all of them if there is no other engine
    does not answer for BUSY seconds        1%                  sends few; the engine stays up or down
    answers 503, FALL times in a row        down                sends none and cuts the current ones
    refuses connections (its process ended) down                sends none and cuts the current ones

An engine that does not answer is never marked as down: the guard ends a process that hangs. The weights are percentages
of the engine's weight in HAProxy's configuration, which is 100. An older configuration has weight 1, of which 1% would
be 0. HAProxy with such a configuration sends no line (agent-send), and gets 100% as before.

The drain uses 0%, not "drain" or "maint": in drain mode, HAProxy would still send the clients that stick to the engine,
and in maintenance mode, it would cut the current requests (on-marked-down).

The security groups allow only load balancers to reach the agent, so every client of the last SILENCE seconds is one. A
load balancer's STATE_PORT returns the engine's state. `out` and `back` wait for all load balancers, because the standby
may get the requests a second later. They do not wait if none has asked recently, or for one that does not know the
engine.
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
# All times are in seconds.
# After this time without a request, no load balancer uses the agent. HAProxy asks twice a second (agent-inter).
SILENCE = 5.0
PAUSE = 0.1
ALL, FEW, NONE = "100%", "1%", "0%"
LINE_TIMEOUT = 0.2  # for the line that HAProxy sends at once
# A client of a busy engine is sent to another engine, which may not yet know the client's last changes. So short pauses
# do not count.
BUSY = 2.0
INTERVAL = 0.5  # from an answer to the next request
FALL = 3
LOADING = b"\nloading "  # of congress_runtime/wsgi/health.py
TIMEOUT = 30.0  # of a request to /health, which is then repeated


class State(NamedTuple):
    """The engine's state at a load balancer."""

    up: bool
    weight: int
    requests: int

    def __str__(self) -> str:
        return f"{'up' if self.up else 'down'}, weight {self.weight}, {self.requests} requests"


class Engine:
    def __init__(self, node_id: str) -> None:
        self.node_id = node_id
        self.drained = RUN / f"{node_id}.left"  # exists while the engine is drained

    def load_balancer(self, address: str) -> Path:
        """A file with the URL of the engine's state there. Its time is that of the load balancer's last request."""
        return RUN / f"{self.node_id}.asked-{address}"

    def load_balancers(self) -> list[Path]:
        """The files of the load balancers that asked recently.

        The file of an agent from before 2026-11-29 has no address in its name. It counts for the first seconds after an
        upgrade, in which the step may restart the engine before HAProxy has asked the new agent.
        """
        now = time.time()
        files = sorted(RUN.glob(f"{self.node_id}.asked*"))
        return [file for file in files if now - file.stat().st_mtime <= SILENCE]

    def state(self, load_balancer: Path) -> State | None:
        """The engine's state at a load balancer, None if it does not know the engine.

        Raises OSError, HTTPException or ValueError without a complete answer.
        """
        try:
            with urllib.request.urlopen(load_balancer.read_text(), timeout=2) as answer:  # noqa: S310  an http URL, which the agent below writes
                up, weight, requests = map(int, answer.read().split())
        except urllib.error.HTTPError as error:
            if error.code == HTTPStatus.NOT_FOUND:
                return None
            raise
        return State(bool(up), weight, requests)

    def wait(self, seconds: float, reached: Callable[[State], bool]) -> str:
        """Wait until `reached` accepts the state at every load balancer that knows the engine.

        Return "", or the problem at the deadline.
        """
        deadline = time.monotonic() + seconds
        while True:
            problem = ""
            for load_balancer in self.load_balancers():
                try:
                    state = self.state(load_balancer)
                except (OSError, HTTPException, ValueError) as error:
                    problem = f"no answer from the load balancer: {error}"
                else:
                    if state is not None and not reached(state):
                        problem = str(state)
            if not problem:
                return ""
            if time.monotonic() > deadline:
                return f"{self.node_id} after {seconds:.0f} s at the load balancer: {problem}"
            time.sleep(PAUSE)


class Health:
    """The engine's answers to /health, and since when it has not answered."""

    def __init__(self, address: str, port: int) -> None:
        self.address, self.port = address, port
        self.answered = threading.Event()
        self.waiting_since: float | None = None
        self.failures = 0
        self.loading = False

    def agent_answer(self) -> str:
        """The answer for HAProxy. Without "up" or "down", HAProxy keeps the engine's state."""
        since = self.waiting_since  # the other thread may change it meanwhile
        if not self.answered.is_set() or (since is not None and time.monotonic() - since > BUSY):
            return FEW
        if self.failures == 0:
            return f"up {FEW if self.loading else ALL}"
        return "down" if self.failures >= FALL else ALL

    def watch(self) -> None:
        while True:
            self.waiting_since = self.waiting_since or time.monotonic()
            try:
                well = self.request()
            except TimeoutError:
                continue
            except ConnectionRefusedError:
                self.failures = FALL
            except (OSError, HTTPException):
                self.failures += 1
            else:
                self.failures = 0 if well else self.failures + 1
            self.waiting_since = None
            self.answered.set()
            time.sleep(INTERVAL)

    def request(self) -> bool:
        connection = HTTPConnection(self.address, self.port, timeout=TIMEOUT)
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
            supports_few = self.sent_a_line()
            address = self.client_address[0]
            new = RUN / f"{engine.node_id}.new"
            new.write_text(f"http://{address}:{state_port}/{engine.node_id}")
            new.replace(engine.load_balancer(address))
            answer = health.agent_answer()
            if engine.drained.exists() and answer != "down":
                answer = NONE
            elif not supports_few:
                answer = answer.replace(FEW, ALL)
            self.request.sendall(f"{answer}\n".encode())

        def sent_a_line(self) -> bool:
            self.request.settimeout(LINE_TIMEOUT)
            try:
                return bool(self.request.recv(64))
            except TimeoutError:
                return False

    class Server(socketserver.TCPServer):
        allow_reuse_address = True

    with Server((health.address, port), Answer) as server:

        def answer() -> None:
            health.answered.wait(BUSY)
            server.serve_forever()

        threading.Thread(target=answer, daemon=True).start()
        health.watch()


def out(engine: Engine, seconds: float) -> int:
    if "MAINPID" not in os.environ:
        return 0  # systemd also runs this for an engine that ended by itself
    engine.drained.touch()
    problem = engine.wait(seconds, lambda state: state.weight == 0 and state.requests == 0)
    # The stop goes on in any case; requests that are not answered at the deadline are cut.
    print(problem or f"{engine.node_id} has no requests any more")
    return 0


def back(engine: Engine, seconds: float) -> int:
    engine.drained.unlink(missing_ok=True)
    problem = engine.wait(seconds, lambda state: state.up and state.weight > 0)
    print(problem or f"{engine.node_id} gets requests again")
    return 1 if problem else 0


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
