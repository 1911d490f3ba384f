"""Let a node's heartbeat survive what goes wrong in one beat.

Each second a node tells the others what services it has, and which tables it subscribes to. Upstream the first
exception ends that for the rest of the process's life: of a publication that the message bus refuses, as it may while
it shuts down or starts, or of a service that is called with each beat. From then on engines learn of no new datasource,
and nothing says so.
"""

from typing import Any

import eventlet
from congress.dse2.control_bus import DseNodeControlBus
from oslo_log import log

LOG = log.getLogger(__name__)


def apply() -> None:
    def heartbeat_loop(self: Any) -> None:
        tell_subscribers = self.node._update_tables_with_subscriber  # noqa: SLF001
        while self._running:
            for task in (self._publish_heartbeat, tell_subscribers, self._call_heartbeat_callbacks):
                try:
                    task()
                except Exception:
                    LOG.exception("a part of this heartbeat failed; the next one is in a second")
            eventlet.sleep(self.HEARTBEAT_INTERVAL)

    DseNodeControlBus._heartbeat_loop = heartbeat_loop  # noqa: SLF001
