"""Runs in Congress's virtual environment: what an engine does while it evaluates a policy over many rows.

Real DseRuntime, real API error; without a bus and a database. Prints one JSON object. `upstream` as argument: without
congress_runtime.patches.evaluation.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import congress_runtime.patches.removed_names  # noqa: F401  names that congress imports and Python removed
from congress.common import config  # noqa: F401  registers options that the next imports read

# isort: split
import eventlet
from congress.api.webservice import DataModelException
from congress.datalog.compile import Event, Fact
from congress.exception import CongressException
from congress.policy_engines.agnostic import DseRuntime
from congress_runtime.patches import evaluation, evaluation_triggers, evaluation_undone
from congress_runtime.patches import evaluation_pace as pace
from congress_runtime.patches.evaluation_pace import Pace

from tests.congress_runtime.support.green_threads import turns_of_others

UPSTREAM = sys.argv[1:] == ["upstream"]
ROWS = 300 if UPSTREAM else 1000
LIMIT = 2
CROSS = "pair(x) :- d:t(x, y), d:t(z, w), d:t(u, v), plus(x, z, s), plus(s, u, r), lt(r, 0)"
SOME = "some(x) :- d:t(x, y), d:t(z, w), plus(x, z, s), lt(s, 0)"
STOP = "execute[nova:stop(x)] :- d:t(x, y), gt(x, 99)"
START = "execute[nova:start(x)] :- d:t(x, y), equal(x, 1)"


class Engine(DseRuntime):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__("__engine")
        self.debug_mode()  # as congress.harness does
        self.executed: list[Any] = []
        self.published: list[Any] = []
        self.create_policy("p")
        self.create_policy("d", kind="datasource")
        self.set_rows(ROWS)

    def set_rows(self, count: int, base: int = 0) -> None:
        facts = (Fact("t", (base + number, str(number))) for number in range(count))
        self.initialize_tables(["t"], facts, target="d")

    def holds(self) -> set[Any]:
        return {tuple(fact) for fact in self.theory["d"].rules.facts["t"]}

    def change(self, *formulas: str, insert: bool = True, policy: str = "p") -> None:
        permitted, problems = self.update(
            [Event(self.parse1(text), insert, target=policy) for text in formulas]
        )
        assert permitted, problems

    def execute_action(self, service: str, action: str, arguments: dict[str, Any]) -> None:
        self.executed.append([service, action, arguments["positional"]])

    def publish(self, table: str, rows: list[Any], use_snapshot: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002
        self.published.append([table, sorted(rows)])


def others_go_on(engine: Engine) -> dict[str, Any]:
    engine.change("slow(x) :- d:t(x, y), d:t(z, w), equal(x, z)")
    rows, turns = turns_of_others(lambda: engine.get_row_data("slow", "p"))
    return {"rows found": len(rows) == ROWS, "others had a turn": turns > 10}


def of_one_moment(engine: Engine) -> dict[str, Any]:
    """Rows, rules and a whole datasource change during an evaluation."""
    engine.set_rows(ROWS)
    asked = eventlet.spawn(engine.get_row_data, "slow", "p")
    eventlet.sleep(0)
    engine.set_rows(ROWS // 2, base=10**6)
    engine.change('t(7, "x")', policy="d")
    engine.change('t(7, "x")', insert=False, policy="d")
    engine.change("slow(x) :- d:t(x, y), d:t(z, w), equal(x, z)", insert=False)
    engine.change("slow(x) :- d:t(x, y)")
    values = {row["data"][0] for row in asked.wait()}
    now = {row["data"][0] for row in engine.get_row_data("slow", "p")}
    return {
        "the evaluation has the rows of before": values == set(range(ROWS)),
        "the next one those of after": now == {10**6 + number for number in range(ROWS // 2)},
    }


def limited(engine: Engine) -> dict[str, Any]:
    engine.set_rows(ROWS)
    engine.change(CROSS, SOME, "quick(x) :- d:t(x, y)")
    Pace.limit = LIMIT
    short = []
    slow = eventlet.spawn(engine.get_row_data, "pair", "p")
    eventlet.sleep(0)
    for _ in range(3):
        short.append(len(engine.get_row_data("quick", "p")))
        eventlet.sleep(0)
    going_on = not slow.dead
    answer: Any = None
    try:
        slow.wait()
    except CongressException as error:
        response = DataModelException.create(error).rest_response()
        answer = [response.status_int, json.loads(response.body)["error"]["message"]]
    Pace.limit = 60
    return {"answer": answer, "others": going_on and short == [ROWS] * 3}


def triggered(engine: Engine) -> dict[str, Any]:
    engine.set_rows(3)
    engine.change(STOP, START)
    engine.on_first_subs(["p:slow"])
    eventlet.sleep(0.2)
    first = sorted(engine.executed)
    engine.executed.clear()
    engine.published.clear()
    engine.change('t(100, "a")', policy="d")
    at_once = list(engine.executed)
    engine.change('t(101, "a")', policy="d")
    eventlet.sleep(0.2)
    return {
        "first": first,
        "within the change": at_once,
        "executed": sorted(engine.executed),
        "published": engine.published[-1:],
    }


def ended(engine: Engine) -> dict[str, Any]:
    """A trace and a simulation that exceed the limit leave no changes in the engine."""
    engine.create_policy("act", kind="action")
    engine.set_rows(ROWS)
    before = engine.holds()
    requests: dict[str, Callable[[], object]] = {
        "trace": lambda: engine.select("pair(x)", target="p", trace=True),
        "simulation": lambda: engine.simulate("pair(x)", "p", 'd:t+(9999, "z") d:t-(1, "1")', "act"),
    }
    seen: dict[str, Any] = {}
    for what, ask in requests.items():
        pace.LIMIT_WITHOUT_PAUSES = 0.2
        try:
            ask()
        except CongressException:
            seen[what] = "ended"
        pace.LIMIT_WITHOUT_PAUSES = 2.0
    seen["rows are as before"] = engine.holds() == before
    seen["traced"] = sorted({name for name, theory in engine.theory.items() if theory.tracer.expressions})
    seen["included"] = len(engine.theory["act"].includes)
    seen["rows found"] = len(engine.get_row_data("quick", "p"))
    return seen


def too_many(engine: Engine) -> int:
    """How many of ten concurrent evaluations end within the limit; each one alone needs a fifth of it."""
    engine.set_rows(ROWS // 3)
    began = time.monotonic()
    engine.get_row_data("some", "p")
    Pace.limit = 5 * (time.monotonic() - began)
    asked = [eventlet.spawn(engine.get_row_data, "some", "p") for _ in range(10)]
    done = 0
    for one in asked:
        try:
            one.wait()
        except CongressException:
            continue
        done += 1
    Pace.limit = 60
    return done


def too_long_to_trigger(engine: Engine) -> dict[str, Any]:
    engine.set_rows(ROWS)
    eventlet.sleep(0.2)
    engine.change("execute[nova:halt(x)] :- p:pair(x)")
    Pace.limit = LIMIT
    engine.executed.clear()
    engine.change('t(5000, "a")', policy="d")
    while engine.triggers.running:
        eventlet.sleep(0.05)
    Pace.limit = 60
    return {
        "the change": (5000, "a") in set(engine.theory["d"].rules.facts["t"]),
        "of others": engine.executed,
    }


def main() -> None:
    if not UPSTREAM:
        for patch in (evaluation, evaluation_triggers, evaluation_undone):
            patch.apply()
    engine = Engine()
    seen: dict[str, Any] = {"others go on": others_go_on(engine), "of one moment": of_one_moment(engine)}
    seen["triggered"] = triggered(Engine() if UPSTREAM else engine)
    if not UPSTREAM:
        seen |= {"limited": limited(engine), "too long to trigger": too_long_to_trigger(engine)}
        seen |= {"ended": ended(engine), "too many": too_many(engine)}
    print(json.dumps(seen))


main()
