"""Take in and answer the rows of a datasource's table with pauses.

Upstream turns each value of an answer into what Congress knows in one step, half a second for 100,000 rows. An engine
that handed a table on writes all of it into a text, for a debug message that nobody has switched on.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from congress.api.row_model import RowModel
from congress.datasources.datasource_driver import DataSourceDriver
from congress.utils import tuple_to_congress
from congress_runtime.patches.pauses import with_pauses


class Rows(list[Any]):
    """As a message has it."""

    def __repr__(self) -> str:
        return f"{len(self)} rows"


def apply() -> None:
    RowModel.replace_items = replacing(RowModel.replace_items)
    RowModel.invoke_rpc = calling(RowModel.invoke_rpc)
    DataSourceDriver.get_row_data = telling(DataSourceDriver.get_row_data)
    DataSourceDriver._make_tmp_state = collecting(DataSourceDriver._make_tmp_state)  # noqa: SLF001  of each poll and push


def replacing(replace: Any) -> Any:
    def replace_items(self: Any, items: Any, params: Any, context: Any = None) -> None:
        replace(self, Rows(items) if type(items) is list else items, params, context)

    return replace_items


def calling(call: Any) -> Any:
    """What a call answers; RowModel goes through all rows."""

    def invoke_rpc(
        self: Any, caller: str, name: str, arguments: dict[str, Any], *more: Any, **named: Any
    ) -> Any:
        answer = call(self, caller, name, arguments, *more, **named)
        return with_pauses(used_up(answer)) if name == "get_row_data" and not arguments["trace"] else answer

    return invoke_rpc


def used_up(items: list[Any]) -> Iterator[Any]:
    """Forget each when it was taken."""
    items.reverse()
    while items:
        yield items.pop()


def telling(tell: Any) -> Any:
    def get_row_data(self: Any, table_id: str, *more: Any, **named: Any) -> Any:
        if table_id not in self.state:
            return tell(self, table_id, *more, **named)
        rows = list(self.state[table_id])  # a notification may change it
        return [{"data": tuple_to_congress(row)} for row in with_pauses(rows)]

    return get_row_data


def collecting(collect: Any) -> Any:
    def make_state(self: Any, table: str, rows: Any) -> Any:
        return collect(self, table, with_pauses(rows))

    return make_state
