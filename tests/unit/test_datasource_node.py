"""Checks on the pair's hosts before Pacemaker gets the resource."""

from __future__ import annotations

import re
from hashlib import sha256

import pytest

from tests.unit.support import recording as recorded
from tests.unit.support.recording import Recording, RecordingMonitor

AGENTS = ("datasource-1-agent", "datasource-2-agent")


@pytest.mark.parametrize("host", ["datasource-1", "datasource-2"])
def test_a_host_is_asked_for_the_configuration_that_it_was_given(recording: Recording, host: str) -> None:
    given = recording.step(f"{host}-configuration").inputs["stdin"]
    written = re.search(
        r"put_file \"/etc/congress/congress.conf\" .*?<<'(END_\w+)'\n(.*?)\1\n", given, re.DOTALL
    )
    assert written is not None
    asked = recording.step(f"{host}-agent").inputs["stdin"]
    assert f'= "{sha256(written[2].encode()).hexdigest()}  -"' in asked


def test_both_hosts_are_asked_again_whenever_the_resource_changes(recording: Recording) -> None:
    changes = (
        {"datasourceNode": {"monitorInterval": "20s"}},
        {"datasourceNode": {"additionalParameters": "--debug"}},
        {"policyEngines": {"count": 2, "syncPeriod": 9}},
    )
    for change in changes:
        changed = recorded.run(recorded.settings_with(**change))
        for step in (*AGENTS, "datasource-node"):
            assert changed.step(step).inputs["stdin"] != recording.step(step).inputs["stdin"], (step, change)


def test_the_node_is_restarted_for_the_files_that_its_hosts_have(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each agent's step prints since when its host has the files; the last step compares this with its note."""
    command = "command:remote:Command"
    made = {**RecordingMonitor.made, command: {"stdout": "{name} says", "stderr": ""}}
    monkeypatch.setattr(RecordingMonitor, "made", made)
    asked = recorded.run().step("datasource-node").inputs["stdin"]
    for agent in AGENTS:
        host = agent.removesuffix("-agent")
        assert f" [congress-test-{host}]='{agent} says'" in asked
        assert f"{host}-cluster says" in asked  # it waits for a node that was away with its cluster


def test_each_step_knows_its_name_for_its_record(recording: Recording) -> None:
    for step in recording.steps():
        assert step.inputs["stdin"].splitlines()[1] == f"STEP={step.name}"
