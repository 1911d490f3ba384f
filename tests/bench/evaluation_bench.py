"""Prints a table of what policies over many rows cost in upstream's evaluator and in ours, in CPU seconds.

    .validators/congress/bin/python -m tests.bench.evaluation_bench [ROWS ...]

Each of three tables has ROWS rows of ten columns (default: 20000 and 100000). Upstream needs minutes for joins over
100000 rows. Each column of the result has its own process; they run one after another.
"""

from __future__ import annotations

import gc
import json
import os
import pathlib
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

COLUMNS = 10
ROOT = pathlib.Path(__file__).parents[2]


def columns(prefix: str, **named: str) -> str:
    return ", ".join(named.get(f"c{number}", f"{prefix}{number}") for number in range(COLUMNS))


A, B = columns("a"), columns("b", c0="a1")
SEVEN = columns("a", c2='"2-7"')
RULES = {
    "filter by a constant": f"d:a({SEVEN})",
    "filter by a function": f'd:a({A}), equal(a3, "3-7")',
    "filter by a number": f"d:a({A}), lt(a9, 10)",
    "self-join on one column": f"d:a({A}), d:a({columns('b', c0='a0')})",
    "join of two tables": f"d:a({A}), d:b({B})",
    "join of three tables": f"d:a({A}), d:b({B}), d:c({columns('c', c0='b1')})",
    "negation": f"d:a({A}), not known(a2)",
}


def rows(count: int) -> Iterator[tuple[Any, ...]]:
    """Column 1 is column 0 of another row; column 9 is a number."""
    for number in range(count):
        values = [f"{column}-{number}" for column in range(COLUMNS - 1)]
        values[1] = f"0-{(number * 7 + 3) % count}"
        yield (*values, number)


def run(upstream: bool, count: int, names: list[str]) -> Iterator[tuple[str, float, int]]:  # noqa: FBT001
    import congress_runtime.patches.removed_names  # noqa: F401, PLC0415  names that congress imports and Python removed
    from congress.common import config  # noqa: F401, PLC0415  registers options that the next imports read
    from congress.datalog.compile import Fact  # noqa: PLC0415
    from congress.policy_engines.agnostic import Runtime  # noqa: PLC0415

    if not upstream:
        from congress_runtime.patches import evaluation, evaluation_triggers, evaluation_undone  # noqa: PLC0415

        for patch in (evaluation, evaluation_triggers, evaluation_undone):
            patch.apply()
        gc.freeze()  # as the launcher does: else one collection of all that was imported takes half of a join
    runtime = Runtime()
    runtime.debug_mode()  # as congress.harness does
    runtime.create_policy("d", kind="datasource")
    runtime.create_policy("p")
    before = resident()
    start = time.process_time()
    for table in "abc":
        runtime.initialize_tables([table], (Fact(table, row) for row in rows(count)), target="d")
    yield "rows taken in", time.process_time() - start, 3 * count
    yield "KiB a row", (resident() - before) / 3 / count, 0
    runtime.insert(f"known(a2) :- d:b({columns('b', c2='a2')}), lt(b9, {count // 2})", "p")
    for number, (name, body) in enumerate(RULES.items()):
        if name in names:
            runtime.insert(f"r{number}(a0) :- {body}", "p")
            # Twice, because policies are evaluated again and again: the first evaluation creates the indexes.
            for time_of in ("first", "again"):
                start = time.process_time()
                row_count = len(runtime.get_row_data(f"r{number}", "p"))
                yield f"{name}, {time_of}", time.process_time() - start, row_count
    yield "KiB a row with indexes", (resident() - before) / 3 / count, 0


def resident() -> float:
    """Memory in KiB."""
    return int(pathlib.Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE") / 1024


def measured(which: str, count: int, names: list[str]) -> dict[str, tuple[float, int]]:
    command = [sys.executable, __file__, which, str(count), *names]
    path = {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, env={**os.environ, **path}, capture_output=True, text=True, check=True)
    return {
        name: (figure, row_count) for name, figure, row_count in map(json.loads, done.stdout.splitlines())
    }


def compare(count: int, names: list[str]) -> Iterator[tuple[str, float, float]]:
    upstream, ours = measured("upstream", count, names), measured("ours", count, names)
    for name, (figure, row_count) in ours.items():
        if upstream[name][1] != row_count:
            raise RuntimeError(f"{name}: upstream finds {upstream[name][1]} rows, ours {row_count}")
        yield name, upstream[name][0], figure


def main(*words: str) -> None:
    if words[:1] in (("upstream",), ("ours",)):
        for figures in run(words[0] == "upstream", int(words[1]), list(words[2:])):
            print(json.dumps(figures), flush=True)
        return
    for count in map(int, words or ("20000", "100000")):
        print(f"| {count} rows a table | upstream | ours | upstream / ours |\n|---|---|---|---|", flush=True)
        for name, upstream, ours in compare(count, list(RULES)):
            print(f"| {name} | {upstream:.3g} | {ours:.3g} | {upstream / ours:.0f} |", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
