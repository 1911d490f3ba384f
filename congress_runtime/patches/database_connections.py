"""Try to connect to the database again after a fraction of a second, as long as nothing answers.

The address of the database moves to another host within seconds, and meanwhile nobody answers there. The kernel repeats
the first packet of a connection after 1, 3 and 7 s, so upstream's connections wait for up to 4 s more than necessary.
"""

import socket
from itertools import chain, repeat
from typing import Any

import pymysql.connections

# Seconds for each of the first attempts, while the address may be on its way, and for each further one. A round trip
# in a cloud takes milliseconds.
FIRST, FURTHER = (0.25,) * 16, 1.0


class _Sockets:
    """The module `socket`, as PyMySQL uses it."""

    def __getattr__(self, name: str) -> Any:
        return getattr(socket, name)

    @staticmethod
    def create_connection(
        address: tuple[str, int], timeout: float | None = None, **options: Any
    ) -> socket.socket:
        if timeout is None:
            return socket.create_connection(address, timeout, **options)
        left = timeout
        for pause in chain(FIRST, repeat(FURTHER)):
            try:
                return socket.create_connection(address, min(pause, left), **options)
            except TimeoutError:
                left -= pause
                if left <= 0:
                    raise
        raise AssertionError("the pauses never end")


def apply() -> None:
    pymysql.connections.socket = _Sockets()
