"""Hosts whose commands run here; `make replace` without Pulumi and cloud."""

from __future__ import annotations

from pathlib import Path

import pytest

from ops.cloud import servers as cloud
from ops.replacement import procedure
from ops.replacement.departure import Departure
from ops.replacement.interrupted_run import RecordFile
from ops.ssh.commands import Hosts
from tests.ops.drifted import state
from tests.ops.healthy import STACK
from tests.ops.replacing import HOST, Stand
from tests.ops.ssh.test_survey import OUTPUTS

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
def stand(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Stand:
    known = Stand(RecordFile("dev", HOST, tmp_path))
    monkeypatch.setenv("STACK", "dev")
    monkeypatch.setattr(procedure, "read_outputs", lambda: OUTPUTS)
    monkeypatch.setattr(procedure, "parse", lambda *_: STACK)
    monkeypatch.setattr(procedure, "collect_facts", lambda *_: known.seen)
    monkeypatch.setattr(procedure, "server", lambda _: known.server)
    monkeypatch.setattr(procedure, "_pulumi", known.do)
    monkeypatch.setattr(procedure, "read_state", state)
    monkeypatch.setattr(cloud, "require_same_scope", known.see)
    monkeypatch.setattr(Departure, "carry_out", lambda departure: known.do("leave", departure.host))
    monkeypatch.setattr(procedure, "clear_failures", lambda _, host, __: known.do("clear_failures", host))
    monkeypatch.setattr(procedure, "RecordFile", lambda stack, host: RecordFile(stack, host, tmp_path))
    monkeypatch.setattr(procedure, "RECOVERY_TIMEOUT", 0)
    return known
