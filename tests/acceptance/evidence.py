"""What the lab looks like when a test failed: the run ends with the lab removed, and nobody could look any more."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

from tests.acceptance.deployment import ROOT

NODES = ("lab-ctl", "lab-cmp1", "lab-cmp2")
ON_A_NODE = """
virsh -c lxc:/// list --all
journalctl -q --no-pager -o short -p warning -u libvirtd | grep -v virDomainGetVcpus | tail -n 10
grep -hE ' (ERROR|CRITICAL) | (Stopped|Paused) .Lifecycle|stop API' \
  /var/log/nova/nova-compute.log /var/log/neutron/neutron-linuxbridge-agent.log | grep -v 'No DB access' | tail -n 10
"""


def said(command: Sequence[str], timeout: float = 30) -> str:
    """What a command prints, whatever its end: evidence must not hide what it is about."""
    try:
        done = subprocess.run(
            [f"{ROOT}/lab/{command[0]}", *command[1:]],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        return f"{error}\n"
    return done.stdout


def of_the_lab() -> str:
    """The cloud's servers, the ends of their consoles, and what the nodes complain about."""
    names = said(["os", "server", "list", "-f", "value", "-c", "Name"]).split()
    asked = [
        ["os", "server", "list", "--long"],
        *(["os", "console", "log", "show", "--lines", "5", name] for name in names),
        *(["on", node, "sh", "-c", ON_A_NODE] for node in NODES),
    ]
    return "\n".join(f"$ {' '.join(command[:5])}\n{said(command)}" for command in asked)
