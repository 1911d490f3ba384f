"""After a failover, publish the tables that no poll of the new process publishes.

These are tables that are only pushed, and those in `lazy_tables`. Upstream publishes nothing of them until the next
push, or until an engine requests a lazy table. Engines that subscribed before the failover do not request it again, so
they keep the rows of the process that ended (observed on the lab: 100,000 pushed rows, while the datasource had none).

Here, the process publishes such a table as soon as it learns from a heartbeat that an engine subscribes to it: what was
pushed or restored (`persist_data`) since it started, or what it polls now.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import eventlet
from congress.datasources.datasource_driver import PollingDataSourceDriver, PushedDataSourceDriver
from congress_runtime.patches.publish import turn
from oslo_log import log

LOG = log.getLogger(__name__)


def apply() -> None:
    for driver in (PushedDataSourceDriver, PollingDataSourceDriver):
        driver.on_first_subs = publish_each


def publish_each(self: Any, tables: Iterable[str]) -> None:
    """A hook of congress.dse2.data_service: these tables have a subscriber, and had none since the process started."""
    for table in tables:
        if isinstance(self, PushedDataSourceDriver) or table in self.lazy_tables:
            eventlet.spawn_n(publish_first, self, table)


def publish_first(self: Any, table: str) -> None:
    try:
        self.get_snapshot(table)  # polls a lazy table, if this process has not done so yet
        # These rows would be older than those of a publication under way.
        if table not in self.sender_seqnums and not turn(self, table).locked():
            self.publish(table, self.get_snapshot(table))
    except Exception as error:  # noqa: BLE001  a poll may fail in any way; the next one publishes
        LOG.warning("table %s of %s could not be published: %s", table, self.service_id, error)
