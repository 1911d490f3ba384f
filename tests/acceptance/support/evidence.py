"""The state of the lab when a test failed, because the run ends with the removal of the lab."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

from tests.acceptance.support.deployment import LAB_STATE, ROOT

# Limits of a command's seconds and of the consoles shown, because even a broken cloud's evidence must be finite.
PATIENCE, CONSOLES = 30, 12
ON_A_NODE = """
virsh -c lxc:/// list --all
journalctl -q --no-pager -o short -p warning -u libvirtd | grep -v virDomainGetVcpus | tail -n 10
grep -hE ' (ERROR|CRITICAL) | (Stopped|Paused) .Lifecycle|stop API' \\
  /var/log/nova/nova-compute.log /var/log/neutron/neutron-linuxbridge-agent.log | grep -v 'No DB access' | tail -n 10
"""


def look(*command: str) -> tuple[bool, str]:
    """Whether a command of the lab succeeded, and its output."""
    try:
        done = subprocess.run(
            [f"{ROOT}/lab/{command[0]}", *command[1:]],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        return False, f"{error}\n"
    return done.returncode == 0, done.stdout


def commands() -> Iterator[tuple[str, ...]]:
    """The cloud's servers, the ends of their consoles, and errors on the nodes."""
    yield ("os", "server", "list", "--long")
    listed, names = look("os", "server", "list", "-f", "value", "-c", "Name")
    for name in names.split()[:CONSOLES] if listed else ():
        yield ("os", "console", "log", "show", "--lines", "5", name)
    for node in sorted((LAB_STATE / "node").iterdir()):
        yield ("on", node.name, "sh", "-c", ON_A_NODE)


def of_the_lab() -> str:
    """The commands and their output; a command that fails is evidence too."""
    return "\n".join(f"$ lab/{' '.join(command).strip()}\n{look(*command)[1]}" for command in commands())
