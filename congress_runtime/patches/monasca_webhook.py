"""Process a webhook of the monasca_webhook driver at a cost that does not grow with its tables.

Upstream goes through all rows of two tables to find those that the webhook replaces, and compares three tables with
copies to publish them. Here, upstream's method to delete rows sees only the rows of this alarm, by an index
(tracked_rows).
"""

from types import SimpleNamespace
from typing import Any

from congress.datasources.monasca_driver import MonascaWebhookDriver
from congress_runtime.patches.tracked_rows import Matching, tracked


def apply() -> None:
    handle, delete = MonascaWebhookDriver._webhook_handler, MonascaWebhookDriver._delete_rows  # noqa: SLF001

    def handle_tracked(self: Any, alarm: Any) -> Any:
        for table in self.state:
            tracked(self.state, table)
        return handle(self, alarm)

    def delete_with_index(self: Any, table: str, column: int, value: Any) -> None:
        rows = Matching(self.state, table, column, value)
        delete(SimpleNamespace(state={table: rows}), table, column, value)

    MonascaWebhookDriver._webhook_handler = handle_tracked  # noqa: SLF001
    MonascaWebhookDriver._delete_rows = delete_with_index  # noqa: SLF001
