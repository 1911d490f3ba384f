"""Run by Congress's Python: waits until all of three engines have a datasource's tables, one of which ends meanwhile.

Prints JSON: how often each was asked until the waiting ended, and the error if one never has them.
"""

from __future__ import annotations

import json
from typing import Any

import congress_runtime.patches.removed_names  # noqa: F401  what Python removed, which congress still imports

from policy_code.on_host import bus

bus.PAUSE = 0.01
NEVER = 10**9


class Engines(bus.Bus):
    """`late`: engine -> how often it is asked before it has the tables; one that is not there has ended."""

    def __init__(self, late: dict[str, int]) -> None:
        self.engines, self.limit, self.late = ["first", "late", "ended"], 0.3, late
        self.asked = dict.fromkeys(late, 0)

    def answers(self, engine: str) -> bool:
        return engine in self.late

    def call(self, service: str, method: str, *, server: str | None, limit: float, **words: Any) -> Any:  # noqa: ARG002
        if method != "get_tablenames" or server is None:
            return None
        self.asked[server] += 1
        return ["servers"] if self.asked[server] > self.late[server] else None


def waited(late: dict[str, int]) -> Any:
    engines = Engines(late)
    try:
        engines.wait_for_tables("nova", known=True)
    except bus.CallError as error:
        return str(error)
    return engines.asked


print(json.dumps([waited({"first": 0, "late": 3}), waited({"first": 0, "late": NEVER})]))
