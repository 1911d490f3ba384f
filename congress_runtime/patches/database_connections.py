"""Notice within seconds that the database's host is silent, and try again and again to reach the next one.

The address of the database moves to another host within seconds. Upstream's node waits for an answer of the lost host
until PyMySQL's read_timeout, a minute. The kernel acknowledges data for a busy server, too, so here the kernel decides
that a host is lost. And the kernel repeats the first packet of a new connection after 1, 3 and 7 s, so upstream's
connections wait for up to 4 s more than necessary.
"""

import socket
from itertools import chain, repeat
from typing import Any

import pymysql.connections

# Seconds for each of the first attempts, while the address may be on its way, and for each further one. A round trip
# in a cloud takes milliseconds.
FIRST, FURTHER = (0.125,) * 32, 1.0
# Seconds without an acknowledgement, and the connection is lost. A lost writer is replaced within 6 to 8 s.
SILENCE = 5


class _Sockets:
    """The module `socket`, as PyMySQL uses it."""

    def __getattr__(self, name: str) -> Any:
        return getattr(socket, name)

    @staticmethod
    def create_connection(
        address: tuple[str, int], timeout: float | None = None, **options: Any
    ) -> socket.socket:
        if timeout is None:
            return limited(socket.create_connection(address, timeout, **options))
        left = timeout
        for pause in chain(FIRST, repeat(FURTHER)):
            try:
                return limited(socket.create_connection(address, min(pause, left), **options))
            except TimeoutError:
                left -= pause
                if left <= 0:
                    raise
        raise AssertionError("the pauses never end")


def limited(connected: socket.socket) -> socket.socket:
    """The connection, with the limit for silence. PyMySQL switches keepalive on."""
    # An idle connection is tested each second.
    for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL):
        connected.setsockopt(socket.IPPROTO_TCP, option, 1)
    connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, SILENCE * 1000)
    return connected


def apply() -> None:
    pymysql.connections.socket = _Sockets()
