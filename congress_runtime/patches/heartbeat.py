"""Let a node's heartbeat continue after an error.

Each second, a node tells the others which services it has and to which tables it subscribes. In upstream, the first
exception ends the heartbeat until the process ends: for example when RabbitMQ refuses a publication while it starts or
shuts down, or when a callback of the heartbeat fails. From then on, engines do not learn of new datasources, and
nothing reports it.
"""

from typing import Any

import eventlet
from congress.dse2.control_bus import DseNodeControlBus
from oslo_log import log

LOG = log.getLogger(__name__)


def apply() -> None:
    def heartbeat_loop(self: Any) -> None:
        update_subscribers = self.node._update_tables_with_subscriber  # noqa: SLF001
        while self._running:
            for task in (self._publish_heartbeat, update_subscribers, self._call_heartbeat_callbacks):
                try:
                    task()
                except Exception:
                    LOG.exception("a part of this heartbeat failed; the next heartbeat follows in a second")
            eventlet.sleep(self.HEARTBEAT_INTERVAL)

    DseNodeControlBus._heartbeat_loop = heartbeat_loop  # noqa: SLF001
