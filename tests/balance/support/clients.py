"""Clients of the two load balancers, which record when they were answered and what went wrong."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise

from tests.balance.support.load_balancer_pair import PORT, VIRTUAL, Pair
from tests.balance.support.namespaces import inside
from tests.support.waiting import wait_for


class Clients(threading.Thread):
    """Sends one request after another to the virtual address. `answered`: times. `failed`: what went wrong."""

    def __init__(self, pair: Pair, timeout: float) -> None:
        super().__init__(daemon=True)
        self.pair, self.timeout, self.over = pair, timeout, threading.Event()
        self.answered: list[float] = []
        self.failed: list[str] = []

    def run(self) -> None:
        while not self.over.wait(0.01):
            try:
                self.pair.get(timeout=self.timeout)
                self.answered.append(time.monotonic())
            except OSError as error:
                self.failed.append(repr(error))

    def end(self) -> float:
        """The longest time without an answer, in seconds."""
        seen = len(self.answered)
        wait_for("the clients are answered", 30, lambda: len(self.answered) > seen + 5, pause=0.05)
        self.over.set()
        self.join(40)
        return max(later - earlier for earlier, later in pairwise(self.answered))


class Kept(Clients):
    """Uses one connection as long as it lasts, as clients with persistent connections do."""

    def run(self) -> None:
        inside(self.pair.namespace("clients"), self.ask)

    def ask(self) -> None:
        def connect() -> http.client.HTTPSConnection:
            return http.client.HTTPSConnection(VIRTUAL, PORT, timeout=self.timeout, context=self.pair.tls)

        connection = connect()
        while not self.over.wait(0.01):
            try:
                connection.request("GET", "/v1/data")
                connection.getresponse().read()
                self.answered.append(time.monotonic())
            except (OSError, http.client.HTTPException) as error:
                self.failed.append(repr(error))
                connection.close()
                connection = connect()


@contextmanager
def clients(pair: Pair, kind: type[Clients], timeout: float = 20) -> Iterator[Clients]:
    asking = kind(pair, timeout)
    asking.start()
    wait_for("it is answered", 30, lambda: len(asking.answered) > 20, pause=0.05)
    yield asking
    asking.over.set()
