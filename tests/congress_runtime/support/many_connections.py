"""Run by the Python that Congress is installed in: connections to Congress's own API server, which takes none of them.

`upstream` as argument: without patches.backlog. Prints how many of 400 were made.
"""

from __future__ import annotations

import select
import socket
import sys

import congress_runtime.patches.removed_names  # noqa: F401  what Python removed, which congress still imports
from congress.common.eventlet_server import APIServer

MANY = 400


def main(who: str) -> None:
    if who != "upstream":
        from congress_runtime.patches import backlog  # noqa: PLC0415

        backlog.apply()
    server = APIServer("", "policy-engine-1", host="127.0.0.1", port=0)
    server.listen()
    made = select.poll()
    clients = [socket.socket() for _ in range(MANY)]
    for client in clients:
        client.setblocking(False)  # noqa: FBT003
        client.connect_ex(server.socket.getsockname())
        made.register(client, select.POLLOUT)
    print(len(made.poll(500)))


main(*sys.argv[1:])
