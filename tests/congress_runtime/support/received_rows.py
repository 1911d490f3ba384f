"""Runs in Congress's virtual environment: how an engine processes rows that it receives.

usage: received_rows.py ours|upstream: prints one JSON object: event -> observations.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import eventlet

from tests.congress_runtime.support.engine_rows import COLUMNS, Engine, apply, row, rows

# isort: split
from congress.utils import tuple_to_congress
from congress_runtime.patches import pauses
from congress_runtime.patches import rows as rows_patch

pauses.SLICE = -1.0  # pause at each read of the clock
OURS = sys.argv[1] == "ours"
WHOLE = 6_000
ODD = (None, "None", "", "é", "è", "ee", True, "True", 1, 2.5, -1, "two\nlines", 'a "quote"')


def seen_meanwhile(engine: Engine, task: Callable[[], object]) -> list[int]:
    """The table's number of rows at each turn that another green thread gets while `task` runs."""
    sizes: list[int] = []

    def look() -> None:
        while True:
            eventlet.sleep(0)
            sizes.append(len(engine.holds()))

    other = eventlet.spawn(look)
    eventlet.sleep(0)
    task()
    other.kill()
    return sizes


def at_once() -> dict[str, Any]:
    engine, seen = Engine(), {}
    for what, data, is_snapshot in (
        ("a whole table", [row(i) for i in range(WHOLE)], True),
        ("another whole table", [row(i, "new") for i in range(WHOLE + 1)], True),
        (
            "each row replaced",
            [[row(i) for i in range(WHOLE)], [row(i, "new") for i in range(WHOLE + 1)]],
            False,
        ),
    ):
        before = len(engine.holds())
        sizes = seen_meanwhile(engine, partial(engine.receive_data, "cloud", "servers", data, is_snapshot))
        seen[what] = {
            "turns of others": len(sizes),
            "tables in part": len(set(sizes) - {before, len(engine.holds())}),
            "rows": len(engine.holds()),
        }
    return seen


def odd_row(chance: random.Random) -> tuple[Any, ...]:
    return tuple(chance.choice(ODD) for _ in range(2)) + tuple(range(2, COLUMNS))


def history(seed: int, *, odd: bool) -> dict[str, Any]:
    """Compare an engine with a datasource whose rows change at random; some changes are made in a copy of the table."""
    chance, engine, calls, wrong = random.Random(seed), Engine(), [], 0  # noqa: S311
    rows_patch.MAX_IN_PLACE = chance.choice((2, 10))
    engine.register_trigger(
        "big", lambda *change: calls.append([sorted(map(str, c)) for c in change]), "classification"
    )
    state: set[tuple[Any, ...]] = set()
    for _ in range(30):
        make: Callable[[], tuple[Any, ...]] = (
            (lambda: odd_row(chance)) if odd else (lambda: row(chance.randrange(8)))
        )
        if chance.random() < 0.2:
            state = {make() for _ in range(chance.randrange(8))}
            engine.receive_data("cloud", "servers", [list(r) for r in state], True)  # noqa: FBT003
        else:
            removed = set(chance.sample(sorted(state, key=repr), chance.randrange(len(state) + 1)))
            added = {make() for _ in range(chance.randrange(5))} - state
            state = state - removed | added
            engine.receive_data("cloud", "servers", [list(added), list(removed)])
        wrong += engine.holds() != set(map(tuple_to_congress, state))
    return {"wrong": wrong, "triggers": calls, "tables": sorted(engine.get_tablenames("cloud"))}


def histories() -> dict[str, Any]:
    odd = [history(seed, odd=True) for seed in range(10)]
    return {
        "random histories": [history(seed, odd=False) for seed in range(10)],
        "random histories of odd values, wrong after": sum(result["wrong"] for result in odd),
    }


def refused() -> dict[str, Any]:
    """A difference with too few columns; a datasource that is deleted and created again meanwhile."""
    engine = Engine()
    engine.receive_data("cloud", "servers", [row(1)], True)  # noqa: FBT003
    problems = []
    try:
        engine.receive_data("cloud", "servers", [[row(2), row(3)[1:]], [row(1)]])
    except Exception as error:  # noqa: BLE001
        problems.append(type(error).__name__)
    after = sorted(row[0] for row in engine.holds())

    def receive() -> None:
        try:
            engine.receive_data("cloud", "servers", list(rows(WHOLE)), True)  # noqa: FBT003
        except Exception as error:  # noqa: BLE001
            problems.append(type(error).__name__)

    receiving = eventlet.spawn(receive)
    eventlet.sleep(0)
    engine.delete_policy("cloud")
    engine.initialize_datasource("cloud", {"servers": ["id"]})
    receiving.wait()
    return {"refused": problems, "rows after the first": after, "rows after the second": len(engine.holds())}


if OURS:
    apply()
print(json.dumps({**at_once(), **histories(), **refused()}))
