"""Clients of the database's cluster: what they were told to be there, and whether it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from threading import Event, Thread

from tests.database.support.cluster import Cluster, Node
from tests.support import mariadb
from tests.support.waiting import wait_for

# Of writes that wait for a replica.
WAITING = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE STATE LIKE 'Waiting for semi-sync%'"

numbers = count(1)


class Client:
    """Writes to one server, as Congress does, under a lock of the table. `known`: what it was told to be there."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.known: list[int] = []
        # Twenty writes are known; the test wants no more; the server has ended the connection.
        self.enough, self.stop, self.cut_off = Event(), Event(), Event()

    def write(self) -> None:
        with suppress(OSError), mariadb.session(self.node.folder) as ask:
            while not self.stop.is_set():
                number = next(numbers)
                locked = f"LOCK TABLES congress.writes WRITE; INSERT INTO congress.writes VALUES ({number})"  # noqa: S608
                if ask(f"{locked}; UNLOCK TABLES; SELECT {number}").strip() != str(number):
                    break
                self.known.append(number)
                if len(self.known) == 20:
                    self.enough.set()
        if not self.stop.is_set():
            self.cut_off.set()


@contextmanager
def writing(node: Node) -> Iterator[Client]:
    """While a client writes, of which some writes are known."""
    client = Client(node)
    thread = Thread(target=client.write)
    thread.start()
    try:
        assert client.enough.wait(30)
        yield client
    finally:
        client.stop.set()
        thread.join(30)
        assert not thread.is_alive(), "the client neither got an answer nor lost its connection"


def rows(node: Node) -> set[int]:
    return {int(line) for line in node.sql("SELECT number FROM congress.writes").splitlines()}


def write(node: Node) -> int:
    number = next(numbers)
    node.sql(f"INSERT INTO congress.writes VALUES ({number})")  # noqa: S608
    return number


def all_have(cluster: Cluster, known: list[int]) -> None:
    found = wait_for("all have the same", 20, lambda: equal(cluster))
    assert set(known) <= found


def equal(cluster: Cluster) -> set[int]:
    one, *others = [rows(node) for node in cluster.nodes.values()]
    assert all(other == one for other in others)
    return one


@contextmanager
def unanswered_write(cluster: Cluster, writer: Node) -> Iterator[None]:
    """The writer has a write that no replica receives, so no client knows of it. The writer must end meanwhile."""
    answered = []

    def attempt() -> None:
        with suppress(AssertionError):
            answered.append(write(writer))

    for node in cluster.others(writer):
        node.sql("STOP SLAVE")
    waiting = Thread(target=attempt)
    waiting.start()
    wait_for("the write waits", 20, lambda: writer.sql(WAITING) == "1")
    yield
    waiting.join(30)
    assert (waiting.is_alive(), answered) == (False, [])
