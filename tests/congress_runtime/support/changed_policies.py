"""Run by the Python that Congress is installed in: rules of several policies that come in one synchronisation.

usage: changed_policies.py ours|upstream: prints one JSON object.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import congress_runtime.patches.removed_names  # noqa: F401  what Python removed, which congress still imports
from congress.common import config  # noqa: F401  registers options that are read by what follows, while it is imported

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
    """It asks nobody for the tables that its rules name."""

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
        seen["others deleted, a rule made"] = f"KeyError: {error}"
    else:
        seen["others deleted, a rule made"] = "done"
    print(json.dumps(seen))


main(sys.argv[1])
