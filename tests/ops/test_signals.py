"""The deployer's key is in a temporary folder while a command runs, and is removed however the command ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ops.stack.outputs import ROOT
from tests.ops.support.sample_stack import OUTPUTS

# Each looks at a stack whose bastion never answers.
TOOLS = {
    "status": "status.read_outputs, status.parse = dict, lambda *_: STACK; run(status.main)",
    "verify": "verify.read_outputs, verify.parse, verify.read_state = dict, lambda *_: STACK, state;"
    " verify.cloud_now = lambda *_: 'not asked'; run(verify.main)",
    "repair": "verify.read_outputs, verify.parse, verify.read_state = dict, lambda *_: STACK, state;"
    " verify.cloud_now = lambda *_: 'not asked'; run(repair.main)",
    "replace": "replacement.read_outputs, replacement.parse = lambda: OUTPUTS, lambda *_: STACK;"
    " Replacement._require_same_scope = lambda _: hang(); run(lambda: replace.main('database', None))",
    "hosts": "run(lambda: connected(OUTPUTS, Limits()).__enter__())",
}
PROGRAM = """
import subprocess, sys, typer
from tests.ops.support.cloud_changes import state
from tests.ops.support.sample_stack import OUTPUTS, STACK
from ops.cloud import servers as cloud
from ops.ssh.files import write_ssh_files
from ops.drift import repair
from ops.replacement import replace
from ops.replacement import procedure as replacement
from ops.health import status
from ops.drift import verify
from ops.ssh.commands import connected
from ops.common.limits import Limits
from ops.replacement.procedure import Replacement

def hang(*_):
    subprocess.run(["ssh"])

def run_on_hosts(commands, outputs, folder, limits):
    write_ssh_files(OUTPUTS, folder, limits)
    hang()

def run(main):
    app = typer.Typer()
    app.command()(main)
    app([])

cloud.view = lambda *_: "not asked"
status.run_on_hosts = verify.run_on_hosts = run_on_hosts
"""


@pytest.mark.parametrize(
    ("tool", "number"),
    [*((tool, signal.SIGTERM) for tool in TOOLS), ("verify", signal.SIGHUP), ("status", signal.SIGINT)],
)
def test_a_signal_leaves_no_key(tmp_path: Path, tool: str, number: signal.Signals) -> None:
    ssh = tmp_path / "bin/ssh"
    ssh.parent.mkdir()
    ssh.write_text(f"#!/bin/sh\ntouch {tmp_path}/asked\nexec sleep 60\n")
    ssh.chmod(0o755)
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM + TOOLS[tool]],
        cwd=ROOT,
        env={**os.environ, "PATH": f"{ssh.parent}:{os.environ['PATH']}", "TMPDIR": str(temporary)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        end = time.monotonic() + 60
        while not (tmp_path / "asked").exists():
            assert process.poll() is None, process.communicate()[0]
            assert time.monotonic() < end
            time.sleep(0.05)
        keys = list(temporary.rglob("id_ed25519"))
        assert [key.read_text() for key in keys] == [OUTPUTS["ssh_private_key"]]
        # As `timeout` does, to the tool and to what it started.
        os.killpg(process.pid, number)
        out, _ = process.communicate(timeout=60)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    assert process.returncode != 0, out
    assert list(temporary.iterdir()) == []
