"""What the lab looks like when a test failed: the run ends with the lab removed, and nobody could look any more."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

from tests.acceptance.support.deployment import LAB_STATE, ROOT

# Seconds for one look, and servers whose console is shown, for the evidence of a broken cloud must come to an end, too.
PATIENCE, CONSOLES = 30, 12
ON_A_NODE = """
virsh -c lxc:/// list --all
journalctl -q --no-pager -o short -p warning -u libvirtd | grep -v virDomainGetVcpus | tail -n 10
grep -hE ' (ERROR|CRITICAL) | (Stopped|Paused) .Lifecycle|stop API' \\
  /var/log/nova/nova-compute.log /var/log/neutron/neutron-linuxbridge-agent.log | grep -v 'No DB access' | tail -n 10
"""


def look(*command: str) -> tuple[bool, str]:
    """Whether a command of the lab did its work, and what it printed."""
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
    """The cloud's servers, the ends of their consoles, and what the nodes complain about."""
    yield ("os", "server", "list", "--long")
    listed, names = look("os", "server", "list", "-f", "value", "-c", "Name")
    for name in names.split()[:CONSOLES] if listed else ():
        yield ("os", "console", "log", "show", "--lines", "5", name)
    for node in sorted((LAB_STATE / "node").iterdir()):
        yield ("on", node.name, "sh", "-c", ON_A_NODE)


def of_the_lab() -> str:
    """What was looked for and seen; a look that fails is evidence as well."""
    return "\n".join(f"$ lab/{' '.join(command).strip()}\n{look(*command)[1]}" for command in commands())
