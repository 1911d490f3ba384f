"""Compares policies and datasources in Congress with what the stack applied, on the host where their step runs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from components.preflight.state import State
from ops.common.limits import Limits
from ops.drift.hosts import Drift, HostView
from ops.ssh.commands import HostError, connected
from ops.stack.outputs import prefix_of
from policy_code.declaration import summary
from policy_code.on_host import COMMAND, NEED_STEP
from policy_code.plan import Declaration

ROW = "policies"
STEP = "policies"


def look(
    name: str,
    declared: Declaration | None,
    outputs: Mapping[str, Any],
    views: Mapping[str, HostView],
    limits: Limits,
) -> list[dict[str, Any]] | str | None:
    """The differences as policy_code/on_host/differences.py describes them, or why they are not known.

    None: the stack declares nothing, or its host did not answer, which is a drift of its own.
    """
    if declared is None or views[host_of(outputs)].answer is None:
        return None
    request = {"do": "verify", "stack": prefix_of(name), "declaration": declared}
    try:
        with connected(outputs, limits) as hosts:
            answer = hosts.run(host_of(outputs), NEED_STEP + COMMAND, stdin=json.dumps(request).encode())
    except HostError as error:
        return str(error)
    found: list[dict[str, Any]] = json.loads(answer)
    return found


def host_of(outputs: Mapping[str, Any]) -> str:
    return str(outputs["policy_engines"][0]["host"])


def drifts(
    found: list[dict[str, Any]] | str | None, outputs: Mapping[str, Any], state: State
) -> Iterator[Drift]:
    if isinstance(found, str):
        yield Drift(
            ROW, f"could not be compared: {found}", "make status; after an upgrade: make up", by_hand=True
        )
        return
    if not state.begun.finished:
        what = (
            "the last `up` did not finish the policies and datasources, so Congress may have a part of them"
        )
        yield Drift(ROW, what, "make up", by_hand=True)
    urn = state.steps(host_of(outputs)).get(STEP) if found else None
    for one in found or ():
        steps = () if one["by_hand"] or urn is None else (urn,)
        yield Drift(ROW, one["what"], one["remedy"], steps=steps, by_hand=one["by_hand"])


def summaries(found: list[dict[str, Any]] | str | None, declared: Declaration | None) -> dict[str, str]:
    """The row, if the stack declares anything."""
    if declared is None:
        return {}
    if not isinstance(found, list):
        return {ROW: ""}
    counts = summary(declared)
    return {ROW: ", ".join(f"{counts[kind]} {kind}" for kind in ("policies", "rules", "datasources"))}
