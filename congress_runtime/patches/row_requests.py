"""Process requests that read or replace the rows of a datasource's table with pauses.

Upstream converts all values of an answer into Congress's types in one step, which takes half a second for 100,000 rows.
An engine that forwards a table also formats all of it for a debug message, although debug messages are off.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from congress.api.row_model import RowModel
from congress.datasources.datasource_driver import DataSourceDriver
from congress.utils import tuple_to_congress
from congress_runtime.patches.pauses import with_pauses


class Rows(list[Any]):
    """Rows of a request, with a short text for the debug message."""

    def __repr__(self) -> str:
        return f"{len(self)} rows"


def apply() -> None:
    RowModel.replace_items = replacing(RowModel.replace_items)
    RowModel.invoke_rpc = calling(RowModel.invoke_rpc)
    DataSourceDriver.get_row_data = answering(DataSourceDriver.get_row_data)
    DataSourceDriver._make_tmp_state = collecting(DataSourceDriver._make_tmp_state)  # noqa: SLF001  for each poll and push


def replacing(replace: Any) -> Any:
    def replace_items(self: Any, items: Any, params: Any, context: Any = None) -> None:
        replace(self, Rows(items) if type(items) is list else items, params, context)

    return replace_items


def calling(call: Any) -> Any:
    """RowModel.invoke_rpc with pauses between the rows of an answer; RowModel iterates over all of them."""

    def invoke_rpc(
        self: Any, caller: str, name: str, arguments: dict[str, Any], *more: Any, **named: Any
    ) -> Any:
        answer = call(self, caller, name, arguments, *more, **named)
        return with_pauses(consumed(answer)) if name == "get_row_data" and not arguments["trace"] else answer

    return invoke_rpc


def consumed(items: list[Any]) -> Iterator[Any]:
    """Yield the items and remove each from the list, to free its memory."""
    items.reverse()
    while items:
        yield items.pop()


def answering(answer: Any) -> Any:
    def get_row_data(self: Any, table_id: str, *more: Any, **named: Any) -> Any:
        if table_id not in self.state:
            return answer(self, table_id, *more, **named)
        rows = list(self.state[table_id])  # a notification may change the table during a pause
        return [{"data": tuple_to_congress(row)} for row in with_pauses(rows)]

    return get_row_data


def collecting(collect: Any) -> Any:
    def make_state(self: Any, table: str, rows: Any) -> Any:
        return collect(self, table, with_pauses(rows))

    return make_state
