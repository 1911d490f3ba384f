"""Runs in Congress's virtual environment: one synchronisation brings rules of several policies.

usage: policy_changes.py ours|upstream: prints one JSON object.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import congress_runtime.patches.removed_names  # noqa: F401  names that congress imports and Python removed
from congress.common import config  # noqa: F401  registers options that the next imports read

# isort: split
from congress.datalog.compile import Event
from congress.policy_engines.agnostic import DseRuntime
from congress_runtime.patches import policy_changes

RULES = (
    ("flavors", "allowed(1)"),
    ("flavors", "error(x) :- cloud:servers(x, y), not allowed(y)"),
    ("images", "error(x) :- cloud:servers(x, y), allowed(y)"),
    ("networks", "error(x) :- cloud:servers(x, y), lt(y, 0)"),
)
POLICIES = ("flavors", "images", "networks")
SERVERS = [("a", 1), ("b", 2)]


class Engine(DseRuntime):  # type: ignore[misc]
    """An engine that requests no tables."""

    def subscribe(self, *_: object) -> None: ...

    def unsubscribe(self, *_: object) -> None: ...

    def change(self, *rules: tuple[str, str]) -> None:
        self.process_policy_update([Event(self.parse1(rule), target=policy) for policy, rule in rules])


def main(which: str) -> None:
    if which == "ours":
        policy_changes.apply()
    engine = Engine("__engine")
    engine.initialize_datasource(
        "cloud", {"servers": [{"name": name, "desc": ""} for name in ("id", "flavor")]}
    )
    engine.receive_data("cloud", "servers", SERVERS, is_snapshot=True)
    for policy in POLICIES:
        engine.create_policy(policy)
    engine.change(*RULES)
    seen: dict[str, Any] = {
        "rules": {policy: sorted(map(str, engine.theory[policy].content())) for policy in POLICIES},
        "errors": {policy: sorted(engine.select("error(x)", target=policy).split()) for policy in POLICIES},
    }
    try:
        for policy in POLICIES[1:]:
            engine.delete_policy(policy)
        engine.change(("flavors", "warning(x) :- cloud:servers(x, y)"))
    except KeyError as error:
        seen["after the deletion of other policies"] = f"KeyError: {error}"
    else:
        seen["after the deletion of other policies"] = "done"
    print(json.dumps(seen))


main(sys.argv[1])
