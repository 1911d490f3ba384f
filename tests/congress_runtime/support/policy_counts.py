"""Runs in Congress's virtual environment: an engine counts violations and asks datasources for their status.

Real DseRuntime with this project's evaluation, without a bus. Prints one JSON object.
"""

from __future__ import annotations

import io
import json
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import congress_runtime.patches.removed_names  # noqa: F401  names that congress imports and Python removed
from congress.common import config  # noqa: F401  registers options that the next imports read

# isort: split
from congress.datalog.compile import Event, Fact
from congress.policy_engines.agnostic import DseRuntime
from congress_runtime import patches
from congress_runtime.wsgi import policies
from congress_runtime.wsgi.health import Application

from tests.congress_runtime.support.green_threads import turns_of_others

ROWS = 1000
# 10^6 pairs, of which none fits: longer than policies.LIMIT.
CROSS = "error(x) :- d:t(x, y), d:t(z, w), plus(x, z, s), lt(s, 0)"
RULES = {
    "plain": ["error(x) :- d:t(x, y), lt(x, 3)", "error(x) :- d:t(x, y), lt(x, 2)", "warning(1)", "other(2)"],
    "none": ["p(x) :- error(x)", "error(x) :- d:t(x, y), lt(x, 0)"],
    "quiet": ["p(1)"],
    "slow": [CROSS],
    "after": ["error(1)"],
}


class Node:
    """`silent` does not answer, `new` was not polled yet."""

    def invoke_service_rpc(self, service: str, action: str, kwargs: dict[str, Any], timeout: float) -> Any:
        assert (action, kwargs["source_id"], timeout) == ("get_status", service, policies.LIMIT)
        if service == "silent":
            raise RuntimeError("no answer")
        polled = "None" if service == "new" else str(datetime.now() - timedelta(seconds=7))  # noqa: DTZ005
        return {"last_updated": polled, "last_error": "refused" if service == "wrong" else "None"}


def engine() -> Any:
    runtime = DseRuntime("__engine")
    runtime.node = Node()
    runtime.create_policy("d", kind="datasource")
    runtime.initialize_tables(["t"], [Fact("t", (n, str(n))) for n in range(ROWS)], target="d")
    for name, rules in RULES.items():
        runtime.create_policy(name)
        events = [Event(runtime.parse1(rule), target=name) for rule in rules]
        permitted, problems = runtime.update(events)
        assert permitted, problems
    return runtime


def post(runtime: Any, who: str, asked: Any) -> tuple[str, Any]:
    body, statuses = json.dumps(asked).encode(), list[str]()
    health: Any = SimpleNamespace(engine=runtime, loading=0, problem="")
    Application.health = health
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/policies",
        "REMOTE_ADDR": who,
        "SERVER_NAME": "10.0.0.5",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
    }
    answer = b"".join(Application()(environ, lambda status, _: statuses.append(status)))
    return statuses[0], json.loads(answer) if statuses[0].startswith("200") else answer.decode().strip()


def main() -> None:
    patches.apply(patches.ENGINE)
    runtime = engine()
    quick = {
        "policies": ["plain", "none", "quiet", "unknown"],
        "datasources": ["fine", "wrong", "new", "silent"],
    }
    slow = {"policies": ["plain", "slow", "after"], "datasources": []}
    (_, limited), turns = turns_of_others(lambda: post(runtime, "10.0.0.5", slow))
    seen = {
        "quick": post(runtime, "10.0.0.5", quick),
        "elsewhere": post(runtime, "10.0.0.6", quick),
        "slow": limited["policies"],
        "others had a turn": turns > 10,
    }
    print(json.dumps(seen))


main()
