"""Let a node's heartbeat continue after an error, and send it every two seconds.

With its heartbeat, a node tells the others which services it has and to which tables it subscribes. In upstream, the
first exception ends the heartbeat until the process ends: for example when RabbitMQ refuses a publication while it
starts or shuts down, or when a callback of the heartbeat fails. From then on, engines do not learn of new datasources,
and nothing reports it.

Upstream sends it each second. Each node has a queue for it, with three copies on three hosts of the bus, so the
messages grow with the square of the nodes. On an idle stack these were the busiest queues (docs/decisions, 69).
"""

from itertools import cycle
from typing import Any

import eventlet
from congress.dse2.control_bus import DseNodeControlBus
from oslo_log import log

LOG = log.getLogger(__name__)

# Of these turns, one a second, the heartbeat is sent in the first. A leader of the actions may be silent for 5 s.
TURNS = (True, False)


def apply() -> None:
    def heartbeat_loop(self: Any) -> None:
        update_subscribers = self.node._update_tables_with_subscriber  # noqa: SLF001
        turns = cycle(TURNS)
        while self._running:
            send = (self._publish_heartbeat,) if next(turns) else ()
            for task in (*send, update_subscribers, self._call_heartbeat_callbacks):
                try:
                    task()
                except Exception:
                    LOG.exception("a part of this heartbeat failed; the next heartbeat follows in a second")
            eventlet.sleep(self.HEARTBEAT_INTERVAL)

    DseNodeControlBus._heartbeat_loop = heartbeat_loop  # noqa: SLF001
