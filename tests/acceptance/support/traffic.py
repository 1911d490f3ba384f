"""Clients that read and write at the endpoint all the time, and the errors that they get.

HAProxy assigns a client to an engine by its address. So each client has its own address; one has a new address for each
connection, and so no fixed engine. Some keep their connection, some open a new one for each request.
"""

from __future__ import annotations

import http.client
import json
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count, cycle, pairwise
from typing import Any
from urllib.parse import urlsplit

from tests.acceptance.support import congress
from tests.acceptance.support.deployment import Deployment
from tests.support.waiting import wait_for

POLICY = "traffic"
# On the lab's bridge to the endpoint, outside the pool of floating addresses.
BRIDGE, ADDRESSES = "lab-ext", [f"10.233.100.{last}" for last in range(230, 242)]
PAUSE = 0.4  # seconds; at 0.2, engines and bus take half a core, and everything else here waits
# Congress may need 120 s for a request; a client with a shorter timeout would hide its duration.
TIMEOUT = 130.0
# A request that takes longer during a change was lost and waits for a time-out. A busy machine alone causes less.
LOST = 20.0


@dataclass(frozen=True)
class Asked:
    """One request: start (time.time()), duration in seconds, error."""

    client: str
    request: str
    began: float
    seconds: float
    wrong: str

    def __str__(self) -> str:
        when = time.strftime("%T", time.gmtime(self.began))
        return f"{when} {self.client}: {self.request}: {self.seconds:.2f} s, {self.wrong or 'well'}"


class Client(threading.Thread):
    """Sends requests until it is stopped; `keep_alive`: on one connection."""

    def __init__(
        self, label: str, deployment: Deployment, addresses: Sequence[str], *, keep_alive: bool, writes: bool
    ) -> None:
        super().__init__(name=label, daemon=True)
        self.keep_alive, self.writes = keep_alive, writes
        self.asked: list[Asked] = []
        self.over = threading.Event()
        self._target, self._tls = urlsplit(deployment.endpoint), deployment.tls
        self._headers = {"Content-Type": "application/json"}
        if deployment.token:
            self._headers["X-Auth-Token"] = deployment.token
        self._addresses = cycle(addresses)
        self._connection: http.client.HTTPConnection | None = None

    def run(self) -> None:
        for number in count():
            if self.over.wait(PAUSE):
                break
            if self.writes:
                path = f"/v1/policies/{POLICY}/rules"
                made = self._ask("POST", path, {"rule": f'p("{self.name}", {number})'})
                if made:
                    self._ask("DELETE", f"{path}/{made['id']}")
            else:
                self._ask("GET", f"/v1/policies/{POLICY}/tables/known/rows")
                self._ask("GET", "/v1/policies")
        self._hang_up()

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        began, started = time.time(), time.monotonic()
        answer, wrong = None, ""
        try:
            status, text = self._exchange(method, path, body)
            if status in {200, 201, 204}:
                answer = json.loads(text) if text else None
            else:
                wrong = f"{status}: {text[:200]!r}"
        except (OSError, http.client.HTTPException, ValueError) as error:
            wrong = repr(error)
            self._hang_up()
        self.asked.append(Asked(self.name, f"{method} {path}", began, time.monotonic() - started, wrong))
        return answer

    def _exchange(self, method: str, path: str, body: Any) -> tuple[int, bytes]:
        if self._connection is None:
            host, port = str(self._target.hostname), self._target.port
            source = (next(self._addresses), 0)
            self._connection = http.client.HTTPSConnection(
                host, port, timeout=TIMEOUT, source_address=source, context=self._tls
            )
        sent = None if body is None else json.dumps(body)
        self._connection.request(method, path, sent, self._headers)
        answer = self._connection.getresponse()
        text = answer.read()
        if not self.keep_alive or answer.will_close:
            self._hang_up()
        return answer.status, text

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None


class Traffic:
    """All requests of all clients since a moment."""

    def __init__(self, clients: Sequence[Client]) -> None:
        self.clients = clients

    def since(self, moment: float) -> list[Asked]:
        return [asked for client in self.clients for asked in list(client.asked) if asked.began >= moment]

    def failed(self, moment: float) -> list[Asked]:
        return [asked for asked in self.since(moment) if asked.wrong]

    def answered(self) -> None:
        """Wait until every client has an answer to a request sent from now on: a lost request appears at its end."""
        now = time.time()
        wait_for(
            "every client got an answer since",
            TIMEOUT + 20,
            lambda: all(client.asked[-1].began > now for client in self.clients),
        )

    def served(self) -> None:
        """Wait until the last request of every client, sent from now on, succeeded: an outage is over."""
        now = time.time()
        wait_for(
            "every client is served again",
            TIMEOUT + 20,
            lambda: all(
                last.began > now and not last.wrong for last in (client.asked[-1] for client in self.clients)
            ),
        )

    @contextmanager
    def unnoticed(self) -> Iterator[None]:
        """Assert that no request that began inside failed or was lost; print how long the slowest took."""
        began = time.time()
        yield
        self.answered()
        assert self.failed(began) == [], [str(asked) for asked in self.failed(began)]
        slowest = self.slowest(began)
        print(f"slowest request: {slowest}")
        assert slowest.seconds < LOST, str(slowest)

    def silence(self, moment: float) -> float:
        """The longest time since then in which no client got an answer."""
        answers = sorted(asked.began + asked.seconds for asked in self.since(moment) if not asked.wrong)
        return max(later - earlier for earlier, later in pairwise([moment, *answers]))

    def slowest(self, moment: float) -> Asked:
        return max(self.since(moment), key=lambda asked: asked.seconds)


@contextmanager
def addresses() -> Iterator[Sequence[str]]:
    """Additional addresses of this machine on the lab's bridge."""
    for address in ADDRESSES:
        subprocess.run(["ip", "address", "replace", f"{address}/32", "dev", BRIDGE], check=True)
    try:
        yield ADDRESSES
    finally:
        for address in ADDRESSES:
            subprocess.run(["ip", "address", "del", f"{address}/32", "dev", BRIDGE], check=True)


@contextmanager
def traffic(deployment: Deployment) -> Iterator[Traffic]:
    """Running clients: readers and writers, with persistent and new connections, sticky and not."""
    congress.forget(deployment, POLICY)
    congress.ok(deployment.api("POST", "/v1/policies", {"name": POLICY}))
    congress.ok(deployment.api("POST", f"/v1/policies/{POLICY}/rules", {"rule": "known(1)"}))
    table = f"policies/{POLICY}/tables/known"
    with deployment.engine_urls() as urls:
        wait_for(
            "every engine knows the policy",
            30,
            lambda: all(congress.by_engine(urls, table, deployment.token).values()),
        )
    with addresses() as own:
        clients = [
            Client("kept reader", deployment, own[0:1], keep_alive=True, writes=False),
            Client("new reader", deployment, own[1:2], keep_alive=False, writes=False),
            Client("kept writer", deployment, own[2:3], keep_alive=True, writes=True),
            Client("new writer", deployment, own[3:4], keep_alive=False, writes=True),
            Client("reader of many addresses", deployment, own[4:], keep_alive=False, writes=False),
        ]
        for client in clients:
            client.start()
        try:
            yield Traffic(clients)
        finally:
            for client in clients:
                client.over.set()
            for client in clients:
                client.join(TIMEOUT)
    congress.forget(deployment, POLICY)
