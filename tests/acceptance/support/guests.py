"""The lab's servers from outside: they are containers on the kernel of this machine.

So a fault can hit a server that no network reaches, and all processes of all servers can be observed without access to
the servers.
"""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

from openstack.connection import Connection
from openstack.exceptions import ConflictException
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from tests.acceptance.support.deployment import ROOT, STACK, Deployment, run

PROC = Path("/proc")


def hostname(pid: int) -> str:
    """The hostname of the container of a process; "" if the process has just ended."""
    try:
        return (PROC / str(pid) / "root" / "etc/hostname").read_text().strip()
    except OSError:
        return ""


def pids() -> list[int]:
    return [int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit()]


def inits() -> list[int]:
    """The pids, on this machine, of process 1 of each server."""
    found = []
    for pid in pids():
        try:
            status = (PROC / f"{pid}/status").read_text()
        except OSError:
            continue
        # A process of a server has three pids: on this machine, on the compute host, in the server.
        numbers = next((line.split()[1:] for line in status.splitlines() if line.startswith("NSpid:")), [])
        if len(numbers) == 3 and numbers[2] == "1":
            found.append(pid)
    return found


def init_of(server: str) -> int | None:
    """The pid, on this machine, of process 1 of a server; None if the server does not run."""
    return next((pid for pid in inits() if hostname(pid) == server), None)


@dataclass(frozen=True)
class Server:
    """A server of the stack. `name`: its hostname, which Pacemaker also uses."""

    name: str
    id: str
    cloud: Connection

    @classmethod
    def of_role(cls, role: str, deployment: Deployment, admin: Connection) -> list[Self]:
        """The servers of a role's hosts, in the order of their names."""
        ids = {server.name: server.id for server in admin.compute.servers(all_projects=True)}
        names = [f"congress-{STACK}-{host}" for host in deployment.hosts(role)]
        return [cls(name, ids[name], admin) for name in names]

    @cached_property
    def _shown(self) -> dict[str, str]:
        shown = self.cloud.compute.get_server(self.id)
        return {"instance": shown.instance_name, "node": shown.hypervisor_hostname}

    def run(self, command: str, timeout: float = 30) -> str:
        """Run a shell command as root in the server, without a network; return its output."""
        init = init_of(self.name)
        assert init is not None, f"{self.name} does not run"
        return run(
            ["nsenter", "-t", str(init), "-m", "-u", "-i", "-n", "-p", "bash", "-c", command], timeout=timeout
        )

    def signal(self, pattern: str, name: str) -> None:
        """Send a signal to the processes whose command line matches; at least one must exist."""
        self.run(f"pkill -{name} -f -- '{pattern}'")

    def virsh(self, *words: str) -> str:
        """Run virsh on the compute host, without nova's knowledge."""
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
        """Set the compute host's end of the server's only link `up` or `down`."""
        (port,) = self.cloud.network.ports(device_id=self.id)
        run(
            [ROOT / "lab/on", self._shown["node"], "ip", "link", "set", f"tap{port.id[:11]}", state],
            timeout=30,
        )

    def power_off(self) -> None:
        """End all processes at once, as a power cut does.

        libvirt's destroy sends SIGTERM first, and SIGKILL 1.6 s later: keepalived hands its address over meanwhile.
        """
        init = init_of(self.name)
        assert init is not None, f"{self.name} does not run"
        os.kill(init, signal.SIGKILL)

    def power_on(self) -> None:
        """Start the server, as the cloud's user does after its compute host is back.

        Nova refuses that for a moment, while it notes that the server is off.
        """
        for attempt in Retrying(
            retry=retry_if_exception_type(ConflictException),
            stop=stop_after_delay(60),
            wait=wait_fixed(1),
            reraise=True,
        ):
            with attempt:
                self.cloud.compute.reboot_server(self.id, "HARD")
