"""Run by Congress's Python: applies declarations to a whole node, as a policy engine's host does.

usage: applied.py FOLDER < STEPS: STEPS is a JSON list of objects. `apply`: a declaration, with `record`, `begun`,
`secrets` and `unanswered`;
`engine`, `datasources`: a call by hand, [method, arguments]; `adopt`: a name; `drift`: a record; `verify`: what was
applied; `rows`: tables of datasources; `service`: a call of a datasource, [name, method, arguments]; `synchronize`: the
engine does it once. Prints a list with a result for each, its processor time, its calls, and what is there afterwards.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

from tests.congress_runtime.support import congress_node

# isort: split
from congress.dse2.dse_node import DseNode
from oslo_config import cfg

STACK = "congress-test"
LIMIT = 20.0  # seconds for a call over the bus
# Of the last step: methods that were called, and what was waited for.
calls: list[str] = []


def start(folder: str) -> Any:
    congress_node.configure(folder, period=1000)  # only the bus makes an engine read anything
    from congress import harness  # noqa: PLC0415
    from congress_runtime import patches  # noqa: PLC0415
    from congress_runtime.patches import drivers, polls  # noqa: PLC0415

    patches.apply(patches.BUS, patches.NODE, patches.ENGINE)
    drivers.apply()
    polls.apply()
    DseNode.load_drivers()
    node = DseNode(cfg.CONF, "node", [], partition_id="bus")
    harness.create2(existing_node=node, policy_engine=True, datasources=True, api=False)
    return node.service_object("__engine")


def noted(bus: Any, unanswered: str | None) -> Any:
    """The bus, whose calls of services are noted, and what it waits for. `unanswered`: a call whose answer is lost."""

    def noting(name: str, function: Any) -> Any:
        def call(first: str, **words: Any) -> Any:
            from policy_code.on_host.bus import UnknownError  # noqa: PLC0415

            known = "known" if words.get("known") else "gone"
            calls.append(f"wait until {first} is {known}" if name == "wait_for_tables" else first)
            answer = function(first, **words)
            if first == unanswered:
                raise UnknownError("node did not answer within 20 s")
            return answer

        return call

    for name in ("engine", "datasources", "wait_for_tables"):
        setattr(bus, name, noting(name, getattr(bus, name)))
    return bus


def done(step: dict[str, Any], engine: Any) -> Any:  # noqa: PLR0911  one for each kind of step
    from policy_code.on_host import apply, live  # noqa: PLC0415
    from policy_code.on_host.bus import Bus, CallError  # noqa: PLC0415
    from policy_code.on_host.differences import differences  # noqa: PLC0415
    from policy_code.on_host.rows import rows  # noqa: PLC0415

    del calls[:]
    try:
        bus = noted(Bus(cfg.CONF, step.get("engines", ["node"]), LIMIT), step.get("unanswered"))
        if "adopt" in step:
            return live.adopt(step["adopt"], STACK)
        if "rows" in step:
            return rows(bus, live.datasource_names(), step["rows"])
        if "service" in step:
            name, method, words = step["service"]
            return bus.call(name, method, server=None, limit=LIMIT, **words)
        if "synchronize" in step:
            return engine.synchronizer.synchronize_rules()
        if "verify" in step:
            return differences(live.read(STACK, step["verify"]), step["verify"])
        if "drift" in step:
            return apply.drift(live, STACK, step["drift"])
        if "engine" in step:
            return bus.engine(step["engine"][0], **step["engine"][1])
        if "datasources" in step:
            return bus.datasources(step["datasources"][0], **step["datasources"][1])
        record, begun = step["record"], step.get("begun", [])
        known = [record] if isinstance(record, dict) else []
        secrets = step.get("secrets", {})
        request = {
            "declaration": step["apply"],
            "begun": begun,
            "secrets": secrets,
            "stack": STACK,
            "attempt": step.get("attempt", 1),
            "first": step.get("first", True),
        }
        state = live.read(STACK, *known, *begun, step["apply"])
        return [str(action) for action in apply.apply(bus, state, request, record)]
    except (CallError, LookupError, apply.RefusedError) as error:
        return f"{type(error).__name__}: {error}"


def timed(step: dict[str, Any], engine: Any) -> dict[str, Any]:
    began = time.process_time()
    result = done(step, engine)
    return {"result": result, "seconds": time.process_time() - began, "calls": list(calls)}


def there(step: dict[str, Any]) -> dict[str, Any]:
    from congress.db import datasources, db_policy_rules  # noqa: PLC0415

    from policy_code.on_host import live  # noqa: PLC0415

    state = live.read(STACK, step.get("apply", {"datasources": {}, "policies": {}}))
    return {
        "ours": state.declared,
        "others": [[*key, owner] for key, owner in state.others.items()],
        "descriptions": [one.description for one in db_policy_rules.get_policies()],
        "passwords": [json.loads(one.config).get("password") for one in datasources.get_datasources()],
    }


def main(folder: str) -> None:
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    engine = start(folder)
    json.dump([{**timed(step, engine), **there(step)} for step in json.load(sys.stdin)], out)
    out.flush()
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
