"""Let connections wait for an engine whose loop stands still.

Upstream has the kernel keep 128 of them. The next one is not answered, which looks from outside like a host that is
off: HAProxy would take out a busy engine and cut what it serves.
"""

from typing import Any

from congress.common.eventlet_server import APIServer

BACKLOG = (
    4096  # above maxconn of templates/load_balancer/haproxy.cfg.j2, and the kernel's own limit (somaxconn)
)


def apply() -> None:
    listen = APIServer.listen

    def listen_to_many(self: Any, key: Any = None, backlog: int = BACKLOG) -> None:
        listen(self, key, backlog)

    APIServer.listen = listen_to_many
