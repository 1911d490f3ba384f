"""Each test has its own ports. When eight ports were drawn per test but not held, one of 800 tests got a port twice."""

from __future__ import annotations

import socket
from itertools import chain, count

import pytest

from tests.support import ports
from tests.support.ports import free_port, reserved_port


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> int:
    """Draws the same port twice, then other ports."""
    port = free_port()
    draws = chain([port, port], count(port + 1))
    monkeypatch.setattr(ports, "randrange", lambda *_: next(draws))
    return port


def test_a_port_is_drawn_once(drawn: int) -> None:
    assert reserved_port() == drawn
    assert reserved_port() != drawn


def test_another_test_is_not_given_it(drawn: int) -> None:
    assert reserved_port() == drawn
    assert free_port() != drawn


def test_whom_it_is_for_listens_there_and_nobody_else(drawn: int) -> None:
    assert reserved_port() == drawn
    with socket.create_server(("127.0.0.1", drawn)), pytest.raises(OSError, match="in use"):
        socket.create_server(("127.0.0.1", drawn))


def test_the_oldest_of_many_is_closed() -> None:
    """If an open socket is left to the garbage collector, a later test gets a warning."""
    reserved_port()
    oldest = ports.reserved[-1]
    for _ in range(ports.reserved.maxlen or 0):
        reserved_port()
    assert oldest.fileno() == -1
