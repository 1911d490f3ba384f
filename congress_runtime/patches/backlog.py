"""Let more connections wait for an engine whose loop stands still.

Upstream listens with a backlog of 128. The kernel does not answer further connections, so the engine's host looks as if
it were off: HAProxy would mark a busy engine as down and cut the requests that it serves.
"""

from typing import Any

from congress.common.eventlet_server import APIServer

# Above maxconn of templates/load_balancer/haproxy.cfg.j2; also the kernel's own limit (somaxconn).
BACKLOG = 4096


def apply() -> None:
    listen = APIServer.listen

    def listen_with_backlog(self: Any, key: Any = None, backlog: int = BACKLOG) -> None:
        listen(self, key, backlog)

    APIServer.listen = listen_with_backlog
