"""`congress-ha policy simulate`: what an `up` of the folder would change, with the rows that datasources have now."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ops.policy.ownership import Host, host
from ops.policy.report import counted
from ops.stack.outputs import short
from ops.stack.pulumi import read_declared, read_setting
from policy_code import congress, simulated
from policy_code.declaration import declaration
from policy_code.folder import Folder
from policy_code.plan import NOTHING, Declaration


class SimulationError(Exception):
    """It cannot be simulated; the text says why, and the way out."""


def simulate(path: Path, folder: Folder, executing: list[str]) -> Iterator[str]:
    """The lines of the report. Writes what was simulated. Raises SimulationError, CongressError."""
    new = declaration(folder, None)
    with host("simulate") as engine_host:
        old, fingerprints = before(engine_host)
        new = with_fingerprints(new, old, fingerprints)
        words = {"before": congress.request_of(old), "declared": {"before": old, "after": new}}
        reads = usable(congress.ask("reads", folder, **words))["reads"]
        absent(old, new, reads)
        rows = json.loads(engine_host.ask("rows", tables=reads)) if reads else {}
    answer = usable(congress.ask("simulate", folder, given=rows, **words))
    yield from report(answer, rows)
    if executing:
        stack = short(os.environ.get("STACK", "dev"))
        try:
            file = simulated.record(path, stack, declaration(folder, None), executing)
        except OSError as error:
            raise SimulationError(f"{path / simulated.FILE} cannot be written: {error.strerror}") from None
        yield f"{file} says so to `up` of stack {stack}: commit it with the policies"


def before(engine_host: Host) -> tuple[Declaration, Mapping[str, str]]:
    """What the stack now has in Congress, including changes by hand, and the fingerprints of its configured secrets."""
    known = read_declared(engine_host.outputs) or NOTHING
    secrets = read_setting("policySecrets") or {}
    there = json.loads(engine_host.ask("read", declaration=known, secrets=secrets))
    # A host that an older `up` configured gives none.
    return there, there.pop("fingerprints", {})


def with_fingerprints(new: Declaration, old: Declaration, fingerprints: Mapping[str, str]) -> Declaration:
    """A secret that the configuration does not have counts as unchanged: `up` refuses it anyway."""
    for name, one in new["datasources"].items():
        former = old["datasources"].get(name, {"config": {}})["config"]
        for key, value in one["config"].items():
            if isinstance(value, Mapping):
                unchanged = former[key]["is"] if isinstance(former.get(key), Mapping) else ""
                one["config"][key] = {**value, "is": fingerprints.get(value["secret"], unchanged)}
    return new


def usable(answer: dict[str, Any]) -> dict[str, Any]:
    if answer["unusable"]:
        reason = answer["unusable"][0]
        raise SimulationError(
            f"what the stack has in Congress now cannot be evaluated: {reason}: make verify shows what somebody changed"
        )
    return answer


def absent(old: Declaration, new: Declaration, reads: list[str]) -> None:
    for name in dict.fromkeys(table.partition(":")[0] for table in reads):
        there, wanted = old["datasources"].get(name), new["datasources"].get(name)
        if there and wanted and there["driver"] != wanted["driver"]:
            raise SimulationError(
                f"datasource {name} has another driver in Congress: give the new one another name"
            )
        if there is None:
            raise SimulationError(
                f"datasource {name} is not in Congress yet, so its rows are not known: run `up` with the datasource, "
                "but without the policies that read it, then simulate these"
            )


def report(answer: Mapping[str, Any], rows: Mapping[str, list[Any]]) -> Iterator[str]:
    appear = vanish = 0
    for one in answer["tables"]:
        appear, vanish = appear + len(one["appear"]), vanish + len(one["vanish"])
        if one["appear"] or one["vanish"]:
            yield f"{one['table']} of {one['policy']}  ({one['same']} stay)"
            yield from (f"  - {row}" for row in one["vanish"])
            yield from (f"  + {row}" for row in one["appear"])
    if answer["executed"]:
        yield "`up` executes:"
        yield from (f"  ! {action}  ({policy})" for policy, action in answer["executed"])
    size = sum(map(len, rows.values()))
    yield (
        f"{counted(appear, 'violation appears', 'violations appear')}, {counted(vanish, 'vanishes', 'vanish')}, "
        f"{counted(len(answer['executed']), 'action is executed', 'actions are executed')}, with "
        f"{counted(size, 'row', 'rows')} of {counted(len(rows), 'table', 'tables')}"
    )
