"""Runs of the program with a folder of policies: the state that they leave, and what a preview shows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from components.preflight.state import POLICIES, POLICIES_BEGUN
from tests.policy_code.folders import policy
from tests.unit.support import recording as recorded
from tests.unit.support.recording import Recording, settings_with

ACTIVE = policy("Active", "active(x) :- nova:servers(id=x)")
STACK = "pulumi:pulumi:Stack"
SECRETS = {"congress-password": "CANARY-password"}


def applied(recording: Recording) -> dict[str, Any]:
    """What the component leaves in the state."""
    [component] = recording.of_type(POLICIES)
    declared: dict[str, Any] = recording.component_outputs[component.urn]["applied"]
    return declared


def exported(before: Recording, failed: Recording | None = None) -> dict[str, Any]:
    """The state that a run leaves, and then one whose step of the policies has failed."""
    outputs = {"policies": before.outputs["policies"], "cloud": {"project_id": "p"}}
    [component] = before.of_type(POLICIES)
    [begun] = (failed or before).of_type(POLICIES_BEGUN)
    kept = {
        "deployment": {
            "resources": [
                {"urn": "u", "type": STACK, "outputs": outputs},
                {"urn": "v", "type": POLICIES, "outputs": before.component_outputs[component.urn]},
                {"urn": "w", "type": POLICIES_BEGUN, "inputs": {**begun.inputs}},
            ]
        }
    }
    # The engine sorts keys, and prints whole numbers as such. A recorded registration has only floats.
    text = json.dumps(kept, sort_keys=True)
    state: dict[str, Any] = json.loads(text, parse_float=lambda number: int(float(number)))
    inputs = state["deployment"]["resources"][-1]["inputs"]
    inputs["declarations"] = {"plaintext": json.dumps(inputs["declarations"])}
    return state


def preview(
    monkeypatch: pytest.MonkeyPatch,
    folder: Path,
    before: Recording | None,
    value: str = SECRETS["congress-password"],
    failed: Recording | None = None,
) -> list[str]:
    """What the program logs, with the state of an earlier run."""
    logged: list[str] = []
    monkeypatch.setattr("pulumi.log.info", lambda text, **_: logged.append(text))
    monkeypatch.setattr("pulumi.log.warn", lambda text, **_: logged.append(text))
    if before is not None:
        monkeypatch.setattr(recorded, "EXPORTED", exported(before, failed))
    recorded.run(settings_with(policies=str(folder), policySecrets={"congress-password": value}))
    return [line for text in logged if text.startswith("policies") for line in text.splitlines()]


def request_of(recording: Recording) -> str:
    """What the step asks of the program on the host."""
    text: str = recording.step("policies").inputs["stdin"]
    return text.partition("<<'END_OF_REQUEST'\n")[2].partition("\nEND_OF_REQUEST")[0]
