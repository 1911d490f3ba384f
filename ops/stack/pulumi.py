"""Runs Pulumi for the stack, and finds a host's server in its state."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ops.stack.checkpoint import SERVER
from ops.stack.outputs import ROOT, StackError, ask_pulumi
from ops.stack.state import STEP

PULUMI = ROOT / "scripts/pulumi"


@dataclass(frozen=True)
class Server:
    """`id`: the cloud's. `gone`: it was deleted by a replacement that did not come to its new server.

    `steps`: URNs of the remote steps that make a host of it, the one on the bastion that waits for it included.
    """

    urn: str
    id: str
    gone: bool
    steps: tuple[str, ...] = ()


def server(host: str) -> Server:
    """A host's server as the state has it now. Raises StackError."""
    return find(host, ask_pulumi("stack", "export"))


def find(host: str, exported: Mapping[str, Any]) -> Server:
    """Raises StackError when the state has no server of that name."""
    resources = exported["deployment"].get("resources", [])
    for resource in resources:
        urn = resource["urn"]
        if resource["type"] == SERVER and urn.endswith(f"::{host}"):
            steps = tuple(
                other["urn"] for other in resources if other["type"] == STEP and _makes(other, host, urn)
            )
            return Server(urn, resource.get("id", ""), resource.get("pendingReplacement", False), steps)
    raise StackError(f"the stack's state has no server of {host}: make up")


def _makes(step: Mapping[str, Any], host: str, server: str) -> bool:
    """Whether a step makes a host of its server. The bastion waits for the others: that is theirs."""
    if step["urn"].endswith("-reachable"):
        return bool(step["urn"].endswith(f"::{host}-reachable"))
    return bool(step.get("deletedWith") == server)


def pulumi(*arguments: str) -> bool:
    """Run the CLI on this terminal; whether it succeeded.

    Ctrl-C reaches Pulumi, which ends what it has begun; only then is KeyboardInterrupt raised here.
    """
    interrupts: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: interrupts.append(number))
    try:
        code = subprocess.Popen(
            [PULUMI, *arguments, "--non-interactive", "--suppress-outputs"],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
        ).wait()
    finally:
        signal.signal(signal.SIGINT, before)
    if interrupts:
        raise KeyboardInterrupt
    return code == 0
