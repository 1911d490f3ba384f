"""The environment of stack $STACK: backend, passphrase and cloud, which of stack dev are this machine's own."""

from __future__ import annotations

import os
import subprocess

from ops.stack.outputs import ROOT, StackError

COMMON = ROOT / "scripts/common.sh"
# The rules for a stack's name and its environment stand there, for those scripts that run before there is a .venv.
SHOW = 'source "$1"; stack_environment; env -0'
OF_PULUMI_AND_CLOUD = ("OS_", "PULUMI_")


def enter() -> None:
    """From now on this process has it. Raises StackError for what is no name of a stack."""
    told = subprocess.run(["bash", "-c", SHOW, "bash", COMMON], capture_output=True, check=False)
    if told.returncode:
        raise StackError(told.stderr.decode(errors="replace").strip())
    known = dict(line.split("=", 1) for line in map(os.fsdecode, told.stdout.split(b"\0")) if line)
    for name in [name for name in os.environ if name.startswith(OF_PULUMI_AND_CLOUD)]:
        del os.environ[name]
    os.environ.update({name: known[name] for name in known if name.startswith(OF_PULUMI_AND_CLOUD)})


def require_stack() -> None:
    """Raises StackError where stack dev does not exist. Of another one Pulumi has to be asked."""
    if os.environ.get("STACK", "dev") == "dev" and not list(
        ROOT.glob(".state/pulumi/.pulumi/stacks/*/dev.json")
    ):
        raise StackError("nothing is deployed on stack dev: make up")
