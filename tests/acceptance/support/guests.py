"""The lab's servers seen from the machine that they run on: they are containers on its kernel.

So a fault can be done to a server that no network reaches any more, and all processes of all servers can be watched
without asking any of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from openstack.connection import Connection

from tests.acceptance.support.deployment import ROOT, run

PROC = Path("/proc")


def hostname(pid: int) -> str:
    """Of the container that a process is in; "" when it just ended."""
    try:
        return (PROC / str(pid) / "root" / "etc/hostname").read_text().strip()
    except OSError:
        return ""


def pids() -> list[int]:
    return [int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit()]


def init_of(server: str) -> int | None:
    """Pid, as this machine counts, of process 1 of a server; None while it does not run."""
    for pid in pids():
        try:
            status = (PROC / f"{pid}/status").read_text()
        except OSError:
            continue
        # A process of a server has three: on this machine, on the compute host, in the server.
        numbers = next((line.split()[1:] for line in status.splitlines() if line.startswith("NSpid:")), [])
        if len(numbers) == 3 and numbers[2] == "1" and hostname(pid) == server:
            return pid
    return None


@dataclass(frozen=True)
class Server:
    """A server of the stack. `name`: its own and Pacemaker's name of it."""

    name: str
    id: str
    cloud: Connection

    @cached_property
    def _shown(self) -> dict[str, str]:
        shown = self.cloud.compute.get_server(self.id)
        return {"instance": shown.instance_name, "node": shown.hypervisor_hostname}

    def run(self, command: str, timeout: float = 30) -> str:
        """Output of a shell command as root inside, without any network."""
        init = init_of(self.name)
        assert init is not None, f"{self.name} does not run"
        return run(
            ["nsenter", "-t", str(init), "-m", "-u", "-i", "-n", "-p", "bash", "-c", command], timeout=timeout
        )

    def signal(self, pattern: str, name: str) -> None:
        """Send a signal to the processes whose command line matches; there must be one."""
        self.run(f"pkill -{name} -f -- '{pattern}'")

    def virsh(self, *words: str) -> str:
        """On the compute host, behind nova's back."""
        return run(
            [
                ROOT / "lab/on",
                self._shown["node"],
                "virsh",
                "-q",
                "-c",
                "lxc:///",
                *words,
                self._shown["instance"],
            ],
            timeout=60,
        )

    def link(self, state: str) -> None:
        """Plug or unplug the server's only cable: the compute host's end of it, `up` or `down`."""
        (port,) = self.cloud.network.ports(device_id=self.id)
        run(
            [ROOT / "lab/on", self._shown["node"], "ip", "link", "set", f"tap{port.id[:11]}", state],
            timeout=30,
        )

    def power_on(self) -> None:
        """As the cloud's user does with a server whose compute host came back."""
        self.cloud.compute.reboot_server(self.id, "HARD")
