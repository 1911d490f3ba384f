"""Run by the Python that Congress is installed in: a folder's policies in the policy engine of a host, without a bus.

Reads a request as policy_code.in_congress does; prints for each case what the engine executes when it learns of the
rules, with the case's rows already there.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import congress_runtime.patches.removed_names  # noqa: F401  what Python removed, which congress still imports
from congress.common import config  # noqa: F401  registers options that are read by what follows

# isort: split
import eventlet
from congress.datalog import compile  # noqa: A004  Congress's name
from congress.policy_engines.agnostic import DseRuntime
from congress_runtime import patches

from policy_code.in_congress import drivers
from policy_code.in_congress.folder import Folder


class Engine(DseRuntime):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__("__engine")
        self.executed: list[str] = []

    def execute_action(self, service: str, action: str, arguments: dict[str, Any]) -> None:
        self.executed.append(f"{service}:{action}({', '.join(map(repr, arguments['positional']))})")


def executed(request: dict[str, Any], given: dict[str, Any]) -> list[str]:
    folder, engine = Folder(request), Engine()
    assert folder.problems == []
    for name, schema in folder.names.schemas.items():
        engine.initialize_datasource(name, schema)
        for table, columns in (schema or {}).items():
            rows = [[row.get(column) for column in columns] for row in given.get(f"{name}:{table}", [])]
            engine.receive_data(name, table, rows, is_snapshot=True)
    for policy in request["policies"]:
        engine.create_policy(policy["name"])
    events = [
        compile.Event(engine.parse1(rule), target=policy["name"])
        for policy in request["policies"]
        for rule in policy["rules"]
    ]
    permitted, errors = engine.update(events)
    assert permitted, errors
    eventlet.sleep(0)
    while engine.triggers.running:  # of congress_runtime.patches.evaluation_triggers
        eventlet.sleep(0)
    return sorted(engine.executed)


def main() -> None:
    out, sys.stdout = sys.stdout, sys.stderr
    patches.apply(patches.ENGINE)
    drivers.load()
    request = json.load(sys.stdin)
    cases = [case for one in request["cases"] for case in one["cases"]]
    answers = json.dumps([executed(request, case["given"]) for case in cases])
    # Python flushes only what sys.stdout is at its end.
    print(answers, file=out, flush=True)


main()
