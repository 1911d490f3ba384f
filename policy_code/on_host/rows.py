"""The rows that datasources have now, of the tables that somebody asks for."""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Any

from policy_code.on_host.bus import Caller, CallError

LIMIT = 60.0  # seconds for the rows of a table
# Of a datasource. More than were measured (docs/figures.md, On the lab) take long on the bus, and memory here.
MOST = 200_000


def rows(caller: Caller, datasources: Container[str], wanted: Sequence[str]) -> dict[str, list[Any]]:
    """`datasources`: names of all that Congress has. `wanted`: DATASOURCE:TABLE. Raises CallError, which names one."""
    found = {}
    for name in sorted({one.partition(":")[0] for one in wanted}):
        if name not in datasources:
            raise CallError(f"Congress has no datasource {name}")
        words: dict[str, Any] = {"source_id": name, "params": {}}
        status = caller.call(name, "get_status", server=None, limit=LIMIT, **words)
        if int(status["number_of_rows"]) > MOST:
            count = f"{int(status['number_of_rows']):,} rows, and a simulation reads {MOST:,} of a datasource at most"
            raise CallError(f"datasource {name} has {count}: test its policies by cases")
        if status["last_updated"] == "None":
            raise CallError(f"datasource {name} has no rows yet: wait, or look at its error in make status")
    for one in wanted:
        name, _, table = one.partition(":")
        words = {"source_id": name, "table_id": table, "trace": False}
        try:
            answer = caller.call(name, "get_row_data", server=None, limit=LIMIT, **words)
        except CallError as error:
            raise CallError(f"{one} cannot be read: {error}") from None
        found[one] = [row["data"] for row in answer]
    return found
