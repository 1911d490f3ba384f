"""Runs in Congress's virtual environment: the work of an engine with different numbers of rows.

usage: work_per_row.py ours|upstream ROWS...: prints one JSON object: task -> number of Python function calls, one for
each of ROWS.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable

from tests.congress_runtime.support.engine_rows import Engine, apply, calls, row, rows


def tasks(engine: Engine) -> dict[str, Callable[[], object]]:
    return {
        "a synchronisation without a change": lambda: engine.process_policy_update([]),
        "whether there is such a table": lambda: engine.get_tablename("cloud", "servers"),
        "one row added": lambda: engine.receive_data("cloud", "servers", [[row(-1)], []]),
        "one row removed": lambda: engine.receive_data("cloud", "servers", [[], [row(-1)]]),
        "one row replaced": lambda: engine.receive_data("cloud", "servers", [[row(0, "new")], [row(0)]]),
        "a rule inserted": lambda: engine.change("small(x) :- big(x)", "classification"),
        "a policy deleted, if nothing names it": lambda: (
            engine.create_policy("other") and engine.delete_policy("other", disallow_dangling_refs=True)
        ),
        "the datasource deleted": lambda: engine.delete_policy("cloud"),
    }


def main(which: str, *sizes: str) -> None:
    if which == "ours":
        apply()
    work: dict[str, list[int]] = {}
    for size in map(int, sizes):
        engine = Engine()
        engine.receive_data("cloud", "servers", list(rows(size)), is_snapshot=True)
        assert len(engine.holds()) == size
        for what, task in tasks(engine).items():
            work.setdefault(what, []).append(calls(task))
        assert "cloud" not in engine.theory
    print(json.dumps(work))


main(*sys.argv[1:])
