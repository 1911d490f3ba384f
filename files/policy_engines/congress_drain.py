#!/usr/bin/python3

"""How a policy engine leaves the load balancer before it stops, and comes back after its start.

congress-drain agent NODE_ID ADDRESS PORT STATE_PORT   answers HAProxy's agent-check: 100%, or 0% for no more requests
congress-drain out NODE_ID SECONDS                     asks for no more requests, waits until the last is answered
congress-drain back NODE_ID SECONDS                    asks for requests again, waits until HAProxy sends them

A weight, and not "drain" or "maint": HAProxy would go on sending the clients that stick to a draining engine, and cut
the requests that one in maintenance still serves (on-marked-down). The security groups let nobody but the load
balancer ask the agent, so whoever asked last is the load balancer; its STATE_PORT tells what it thinks of the engine.
An engine that nobody asks for, or that the load balancer does not know (any more), gets no requests to wait for.
"""

import os
import socketserver
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from http import HTTPStatus
from http.client import HTTPException
from pathlib import Path
from typing import NamedTuple

RUN = Path(os.environ.get("CONGRESS_DRAIN_RUN", "/run/congress-drain"))
# HAProxy asks twice a second (agent-inter).
SILENCE = 5.0
PAUSE = 0.1


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


def agent(engine: Engine, address: str, port: int, state_port: int) -> None:
    class Answer(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            new = engine.asked.with_suffix(".new")
            new.write_text(f"http://{self.client_address[0]}:{state_port}/{engine.node_id}")
            new.replace(engine.asked)
            self.request.sendall(b"0%\n" if engine.left.exists() else b"100%\n")

    class Server(socketserver.TCPServer):
        allow_reuse_address = True

    with Server((address, port), Answer) as server:
        server.serve_forever()


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
        case ["agent", node_id, address, port, state_port]:
            agent(Engine(node_id), address, int(port), int(state_port))
            return 0
        case ["out", node_id, seconds]:
            return out(Engine(node_id), float(seconds))
        case ["back", node_id, seconds]:
            return back(Engine(node_id), float(seconds))
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
