"""Disruptions of a run of Pulumi: signals, a network or mirror that fails, a server that is deleted."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from openstack.connection import Connection

from tests.acceptance.support.deployment import PULUMI, ROOT, STACK, run
from tests.support.waiting import wait_for

PROC = Path("/proc")
TABLE = "congress_interruption"
OUTAGE = 40.0  # seconds without network or mirror
ENDS = 900.0  # seconds after which every run has ended, even a disrupted one


@dataclass
class Run:
    """A run of Pulumi as in a terminal: in its own session, so that Ctrl-C reaches all of its processes."""

    process: subprocess.Popen[bytes]
    output: Path

    @classmethod
    @contextmanager
    def started(cls, output: Path, *words: str) -> Iterator[Run]:
        """Start the run. At the end of the context, end what is left of it: plugins outlive a killed engine."""
        with output.open("wb") as out:
            process = subprocess.Popen(
                [PULUMI, *words],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        running = cls(process, output)
        try:
            yield running
        finally:
            running.end()
            process.wait()

    @property
    def ended(self) -> bool:
        return self.process.poll() is not None

    def wait(self, seconds: float = ENDS) -> int:
        """Wait for the end and return the exit code; fail at the deadline."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"a run has not ended within {seconds:.0f} s:\n{self.text()}") from None

    def last(self, seconds: float) -> None:
        """Wait for so many seconds, or for the end of the run."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(seconds)

    def text(self) -> str:
        return self.output.read_text(errors="replace")

    def processes(self) -> dict[int, str]:
        """Pid -> name of all processes that the run has started, also of those whose parent has ended.

        They are those of its session: Pulumi gives plugins a process group of their own, but no session.
        """
        pids = [int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit()]
        return {pid: name for pid in pids if (name := self._name(pid)) is not None}

    def _name(self, pid: int) -> str | None:
        """Name of a process of the run; None if it has ended, or if it is no process of the run."""
        try:
            head, _, tail = (PROC / f"{pid}/stat").read_text().rpartition(")")
        except OSError:
            return None
        state, _parent, _group, session = tail.split()[:4]
        return head.partition("(")[2] if state != "Z" and int(session) == self.process.pid else None

    def end(self) -> None:
        """End all of its processes with SIGKILL; fail if one is left."""

        def ended() -> bool:
            for pid in self.processes():
                self._end(pid)
            assert (left := self.processes()) == {}, left
            return True

        wait_for("no process is left of the run", 10, ended, pause=0.05)

    def _end(self, pid: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            # It stays with this process, even if another one gets the pid meanwhile.
            descriptor = os.pidfd_open(pid)
            try:
                if self._name(pid) is not None:
                    signal.pidfd_send_signal(descriptor, signal.SIGKILL)
            finally:
                os.close(descriptor)

    def kill(self, name: str) -> None:
        """Send SIGKILL to its processes of this name (15 letters), as soon as there is one."""

        def pids() -> list[int]:
            return [pid for pid, comm in self.processes().items() if comm == name]

        wait_for(f"{name} runs", 60, lambda: pids() or self.ended, pause=0.05)
        for pid in pids():
            self._end(pid)


Disruption = Callable[[Run, Connection, str], None]
DISRUPTIONS: dict[str, Disruption] = {}


def disruption(name: str) -> Callable[[Disruption], Disruption]:
    def add(function: Disruption) -> Disruption:
        DISRUPTIONS[name] = function
        return function

    return add


def interrupt(running: Run) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(running.process.pid, signal.SIGINT)


@disruption("Ctrl-C")
def ctrl_c(running: Run, _cloud: Connection, _host: str) -> None:
    interrupt(running)


@disruption("Ctrl-C twice")
def ctrl_c_twice(running: Run, _cloud: Connection, _host: str) -> None:
    """The second one ends the engine at once."""
    interrupt(running)
    wait_for("the engine heard the first", 30, lambda: "cancel" in running.text() or running.ended)
    interrupt(running)


@disruption("engine killed")
def engine_killed(running: Run, _cloud: Connection, _host: str) -> None:
    running.kill("pulumi")


@disruption("language host killed")
def language_host_killed(running: Run, _cloud: Connection, _host: str) -> None:
    running.kill("pulumi-language")


@disruption("network lost")
def network_lost(running: Run, _cloud: Connection, _host: str) -> None:
    """The deployer's connections to the cloud's API and to every host."""
    with chain("output", f"ip daddr {{ {lab('LAB_MGMT_CIDR')}, {lab('LAB_EXT_CIDR')} }} drop"):
        running.last(OUTAGE)


@disruption("mirror refused")
def mirror_refused(running: Run, _cloud: Connection, _host: str) -> None:
    """Hosts reach the package mirrors through this machine."""
    rule = f'iifname "{lab("LAB_EXT_BRIDGE")}" tcp dport {{ 80, 443 }} reject with tcp reset'
    with chain("forward", rule):
        running.last(OUTAGE)


@disruption("server destroyed")
def server_destroyed(running: Run, cloud: Connection, host: str) -> None:
    """By another user, right after the run created it."""
    name = f"congress-{STACK}-{host}"

    def made() -> list[str]:
        return [server.id for server in cloud.compute.servers(status="ACTIVE") if server.name == name]

    wait_for(f"{name} is made", 300, lambda: made() or running.ended)
    for id_ in made():
        cloud.compute.delete_server(id_)


def lab(name: str) -> str:
    """A setting of the lab."""
    return run(["bash", "-c", f'. lab/lab.env && echo "${name}"'], timeout=10).strip()


@contextmanager
def chain(hook: str, rule: str) -> Iterator[None]:
    """A temporary rule of this machine's firewall, in its own table."""
    nft(f"add table inet {TABLE}; delete table inet {TABLE}")
    nft(f"table inet {TABLE} {{\nchain cut {{\ntype filter hook {hook} priority 0;\n{rule}\n}}\n}}")
    try:
        yield
    finally:
        nft(f"delete table inet {TABLE}")


def nft(commands: str) -> None:
    run(["nft", "-f", "-"], stdin=commands + "\n", timeout=10)
