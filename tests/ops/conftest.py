"""Fixtures: hosts whose commands run on this machine, and `make replace` without Pulumi and cloud."""

from __future__ import annotations

from pathlib import Path

import pytest

from ops.cloud import servers as cloud
from ops.replacement import procedure
from ops.replacement.departure import Departure
from ops.replacement.interrupted_run import RecordFile
from ops.ssh.commands import Hosts
from tests.ops.support.cloud_changes import state
from tests.ops.support.fake_replacement import HOST, Simulation
from tests.ops.support.sample_stack import OUTPUTS, STACK

FAKE_SSH = """#!/usr/bin/env bash
[ "$3" != lost ] || { echo 'ssh: connect to host 10.0.0.2 port 22: No route to host' >&2; exit 255; }
eval "$4"
"""


@pytest.fixture
def hosts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hosts:
    for name, text in (("ssh", FAKE_SSH), ("sudo", '#!/usr/bin/env bash\nshift; exec "$@"\n')):
        file = tmp_path / "bin" / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
        file.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=":")
    return Hosts(tmp_path)


@pytest.fixture
def simulation(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Simulation:
    simulation = Simulation(RecordFile("dev", HOST, tmp_path))
    monkeypatch.setenv("STACK", "dev")
    monkeypatch.setattr(procedure, "read_outputs", lambda: OUTPUTS)
    monkeypatch.setattr(procedure, "parse", lambda *_: STACK)
    monkeypatch.setattr(procedure, "collect_facts", lambda *_: simulation.facts)
    monkeypatch.setattr(procedure, "server", lambda _: simulation.server)
    monkeypatch.setattr(procedure, "_pulumi", simulation.do)
    monkeypatch.setattr(procedure, "read_state", state)
    monkeypatch.setattr(cloud, "require_same_scope", simulation.require_same_scope)
    monkeypatch.setattr(Departure, "carry_out", lambda departure: simulation.do("leave", departure.host))
    monkeypatch.setattr(
        procedure, "clear_failures", lambda _, host, __: simulation.do("clear_failures", host)
    )
    monkeypatch.setattr(procedure, "RecordFile", lambda stack, host: RecordFile(stack, host, tmp_path))
    monkeypatch.setattr(procedure, "RECOVERY_TIMEOUT", 0)
    return simulation
