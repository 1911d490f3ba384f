"""Ports of 127.0.0.1 for the programs that tests start."""

from __future__ import annotations

import socket
from collections import deque
from random import randrange

# Sockets of reserved_port, more than a test needs at once; the oldest is closed.
reserved: deque[socket.socket] = deque(maxlen=100)


def bound() -> socket.socket:
    """A socket at a port below those that the kernel gives to connections. It does not listen."""
    while True:
        taken = socket.socket()
        try:
            # Exclusively, so that a port that another process has reserved, or listens to, is not taken.
            taken.bind(("127.0.0.1", randrange(10_000, 32_768)))  # noqa: S311
        except OSError:
            taken.close()
        else:
            # From now on, a program that sets the usual socket options, as servers do, may listen there.
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            return taken


def free_port() -> int:
    """A port that is free now. Another process may have it by the time it is used."""
    with bound() as taken:
        return int(taken.getsockname()[1])


def reserved_port() -> int:
    """A port for a program that this test starts. Meanwhile, neither this function nor free_port returns it again."""
    if len(reserved) == reserved.maxlen:
        reserved.popleft().close()
    reserved.append(bound())
    return int(reserved[-1].getsockname()[1])


def listens(port: int) -> bool:
    with socket.socket() as caller:
        return caller.connect_ex(("127.0.0.1", port)) == 0
