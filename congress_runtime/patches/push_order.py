"""Apply what is pushed to a datasource in the order in which it arrives.

Upstream stores a table in the database, and publishes it, after it took the rows in, and serves the next request
meanwhile: of two pushes at once, the one that is stored last stays in the database, whichever came last. With
patches.row_requests the rows are taken in with pauses, so that a small push would also overtake a large one in memory.
"""

from __future__ import annotations

from typing import Any

from congress.datasources.datasource_driver import PushedDataSourceDriver
from congress.datasources.push_driver import PushDriver
from eventlet.semaphore import Semaphore


def apply() -> None:
    for driver in (PushedDataSourceDriver, PushDriver):
        driver.replace_entire_table_data = after_earlier_ones(driver.replace_entire_table_data)
    PushedDataSourceDriver.process_webhook_notification = after_earlier_ones(
        PushedDataSourceDriver.process_webhook_notification
    )


def after_earlier_ones(take_in: Any) -> Any:
    """Who waits for it gets eventlet's semaphore in the order of asking."""

    def take_in_alone(self: Any, *args: Any, **kwargs: Any) -> Any:
        with vars(self).setdefault("taking_in", Semaphore()):
            return take_in(self, *args, **kwargs)

    return take_in_alone
