"""The changes of an `up`: those that `pulumi preview` announces, and those that the state shows afterwards."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.acceptance.support.deployment import PULUMI, Deployment, run

# Name of a resource -> created, updated, replaced or deleted.
Changes = Mapping[str, str]
# Pulumi's name of a step -> our name; a replacement has several steps.
OPERATIONS = {
    "create": "created",
    "update": "updated",
    "delete": "deleted",
    "replace": "replaced",
    "create-replacement": "replaced",
    "delete-replaced": "replaced",
}


def name_of(urn: str) -> str:
    return urn.rsplit("::", 1)[1]


def previewed(*options: str, pulumi: Path = PULUMI) -> Changes:
    """The changes that `pulumi preview` announces with these options; `pulumi`: of another checkout."""
    printed = run([pulumi, "preview", "--json", "--non-interactive", *options], timeout=120)
    steps = json.loads(printed)["steps"]
    return {name_of(step["urn"]): OPERATIONS[step["op"]] for step in steps if step["op"] in OPERATIONS}


def happened(before: Mapping[str, dict[str, Any]], after: Mapping[str, dict[str, Any]]) -> Changes:
    """The difference of two states (`Deployment.resources`), without components and providers."""
    changes = {}
    for urn in {*before, *after}:
        was, is_now = before.get(urn), after.get(urn)
        if was is None:
            changes[name_of(urn)] = "created"
        elif is_now is None:
            changes[name_of(urn)] = "deleted"
        elif was.get("id") != is_now.get("id"):
            changes[name_of(urn)] = "replaced"
        elif was.get("modified") != is_now.get("modified"):
            changes[name_of(urn)] = "updated"
    return changes


def as_previewed(
    deployment: Deployment, up: Callable[[], Any], *options: str, pulumi: Path = PULUMI
) -> Changes:
    """Run an `up` with options; return its changes, which must equal those of `pulumi preview`."""
    announced = previewed(*options, pulumi=pulumi)
    before = deployment.resources()
    up()
    changed = happened(before, deployment.resources())
    assert changed == announced, {
        name: f"previewed {announced.get(name)}, happened {changed.get(name)}"
        for name in {*announced, *changed}
        if announced.get(name) != changed.get(name)
    }
    return changed
