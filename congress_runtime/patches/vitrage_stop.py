"""Let a vitrage datasource go when it is deleted, with its rows.

Upstream its periodic task, which drops old alarms, ends when Python frees the driver, and it is what holds the driver:
the datasource node keeps all rows of every vitrage datasource that was deleted, until it is restarted.
"""

from typing import Any

from congress.datasources.vitrage_driver import VitrageDriver
from eventlet import greenthread


def apply() -> None:
    stop = VitrageDriver.stop

    def stop_with_periodic_tasks(self: Any) -> None:
        if self.periodic_tasks:  # a node that ends may stop a service twice
            self.periodic_tasks.stop()
            greenthread.kill(self.periodic_tasks_thread)
            self.periodic_tasks = self.periodic_tasks_thread = None
        stop(self)

    VitrageDriver.stop = stop_with_periodic_tasks
