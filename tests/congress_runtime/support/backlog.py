"""Runs in Congress's virtual environment: connections to Congress's own API server, which accepts none of them.

With the argument `upstream`: without patches.backlog. Prints how many of 400 are established.
"""

from __future__ import annotations

import select
import socket
import sys

import congress_runtime.patches.removed_names  # noqa: F401  names that congress imports and Python removed
from congress.common.eventlet_server import APIServer

MANY = 400


def main(who: str) -> None:
    if who != "upstream":
        from congress_runtime.patches import backlog  # noqa: PLC0415

        backlog.apply()
    server = APIServer("", "policy-engine-1", host="127.0.0.1", port=0)
    server.listen()
    established = select.poll()
    clients = [socket.socket() for _ in range(MANY)]
    for client in clients:
        client.setblocking(False)  # noqa: FBT003
        client.connect_ex(server.socket.getsockname())
        established.register(client, select.POLLOUT)
    print(len(established.poll(500)))


main(*sys.argv[1:])
