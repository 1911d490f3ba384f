"""Free the memory of a deleted vitrage datasource.

The driver has a periodic task, which drops old alarms. In upstream, the task ends when Python frees the driver, but the
task itself references the driver. So the datasource node keeps all rows of every deleted vitrage datasource until
it is restarted.
"""

from typing import Any

from congress.datasources.vitrage_driver import VitrageDriver
from eventlet import greenthread


def apply() -> None:
    stop = VitrageDriver.stop

    def stop_with_periodic_tasks(self: Any) -> None:
        if self.periodic_tasks:  # a node that is stopped may stop a service twice
            self.periodic_tasks.stop()
            greenthread.kill(self.periodic_tasks_thread)
            self.periodic_tasks = self.periodic_tasks_thread = None
        stop(self)

    VitrageDriver.stop = stop_with_periodic_tasks
