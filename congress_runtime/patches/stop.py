"""Stop a datasource node as soon as the requests that it is serving are answered.

Upstream stops the listener of each of its services in turn, and a listener notices only when its wait for a message
is over, up to a second: 1.7 and 2.1 s with one datasource (seen), more with each further one. All that time nobody
serves, for the node must not start on the other host before it has ended on this one. The message bus notices the end
of a process at once.
"""

import os
import time
from typing import Any

import eventlet
from oslo_log import log
from oslo_messaging.rpc.server import RPCServer
from oslo_service.service import ServiceLauncher

LOG = log.getLogger(__name__)

# Seconds that requests may still take; Congress's agent kills a node 25 s after it was asked to stop.
LIMIT = 5.0


class Requests:
    """Counts the requests that are being served; `end` is what SIGTERM does."""

    def __init__(self) -> None:
        self.served = 0

    def counted(self, server: Any, incoming: Any, process: Any) -> None:
        self.served += 1
        try:
            process(server, incoming)
        finally:
            self.served -= 1

    def end(self) -> None:
        deadline = time.monotonic() + LIMIT
        while self.served and time.monotonic() < deadline:
            eventlet.sleep(0.01)
        LOG.info("told to stop: ended with %d requests unanswered", self.served)
        os._exit(0)


def apply() -> None:
    requests, process = Requests(), RPCServer._process_incoming  # noqa: SLF001  no public way to see a request
    RPCServer._process_incoming = lambda server, incoming: requests.counted(server, incoming, process)  # noqa: SLF001
    ServiceLauncher._graceful_shutdown = lambda *_: requests.end()  # noqa: SLF001  the handler of SIGTERM
