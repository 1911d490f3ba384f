"""The environment of stack $STACK: backend, passphrase and cloud. Stack dev uses those of this machine's lab."""

from __future__ import annotations

import os
import subprocess

from ops.stack.outputs import ROOT, StackError

COMMON = ROOT / "scripts/common.sh"
# That file defines the rules for a stack's name and environment, because some scripts run before .venv exists.
SHOW = 'source "$1"; stack_environment; env -0'
OF_PULUMI_AND_CLOUD = ("OS_", "PULUMI_")


def enter() -> None:
    """Set the environment of this process. Raises StackError for an invalid stack name."""
    shown = subprocess.run(["bash", "-c", SHOW, "bash", COMMON], capture_output=True, check=False)
    if shown.returncode:
        raise StackError(shown.stderr.decode(errors="replace").strip())
    environment = dict(line.split("=", 1) for line in map(os.fsdecode, shown.stdout.split(b"\0")) if line)
    for name in [name for name in os.environ if name.startswith(OF_PULUMI_AND_CLOUD)]:
        del os.environ[name]
    os.environ.update(
        {name: environment[name] for name in environment if name.startswith(OF_PULUMI_AND_CLOUD)}
    )


def require_stack() -> None:
    """Raises StackError if stack dev does not exist. Other stacks are known only to Pulumi and pass."""
    if os.environ.get("STACK", "dev") == "dev" and not list(
        ROOT.glob(".state/pulumi/.pulumi/stacks/*/dev.json")
    ):
        raise StackError("nothing is deployed on stack dev: make up")
