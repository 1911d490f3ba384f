"""A real HAProxy with the real configuration, and a client that records errors."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.balance.support.haproxy import Balanced, Counting, balanced
from tests.balance.support.looping_engine import Looping
from tests.support.waiting import wait_for


@pytest.fixture
def behind(tmp_path: Path) -> Iterator[Balanced[Counting]]:
    with balanced(tmp_path, Counting) as balancer:
        yield balancer


class Client(threading.Thread):
    """Sends requests all the time on one persistent connection; `answers` are the engines' ids.

    `source`: its address, by which it sticks to an engine.
    """

    def __init__(self, behind: Balanced[Any], source: str = "127.0.0.1") -> None:
        super().__init__(daemon=True)
        self.behind, self.source, self.over = behind, source, threading.Event()
        self.answers: list[str] = []
        self.errors: list[str] = []

    def run(self) -> None:
        connection = http.client.HTTPSConnection(
            "127.0.0.1",
            self.behind.port,
            timeout=30,
            context=self.behind.tls,
            source_address=(self.source, 0),
        )
        while not self.over.wait(0.005):
            try:
                connection.request("GET", "/v1/data")
                answer = connection.getresponse()
                self.answers.append(answer.read().decode())
                if answer.status != 200:
                    self.errors.append(f"status {answer.status}")
            except (OSError, http.client.HTTPException) as error:
                self.errors.append(repr(error))
                connection.close()
        connection.close()

    def end(self) -> None:
        self.over.set()
        self.join(30)
        assert self.errors == []


@pytest.fixture
def client(behind: Balanced[Counting]) -> Iterator[Client]:
    client = Client(behind)
    client.start()
    # Two simultaneous first requests may stick to different engines.
    wait_for("the client has an engine", 15, lambda: client.answers)
    yield client
    client.end()


@pytest.fixture
def looping(tmp_path: Path) -> Iterator[Balanced[Looping]]:
    with balanced(tmp_path, Looping) as balancer:
        yield balancer


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(400) as threads:
        yield threads
