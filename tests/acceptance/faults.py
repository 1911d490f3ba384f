"""Faults of the pair that runs the datasource node, each as it happens in a cloud; none of them asks the cluster.

A fault does its harm and returns; `mend` undoes what no machine could undo by itself (a cut cable), if anything.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass

from openstack.connection import Connection

from tests.acceptance.deployment import ROOT, Deployment
from tests.acceptance.waiting import wait_for


def nothing(_: Pair) -> None:
    """No mending needed."""


@dataclass
class Pair:
    """The two hosts: `active` runs the datasource node now, `standby` does not."""

    deployment: Deployment
    admin: Connection
    active: str
    standby: str

    def address(self, host: str) -> str:
        return str(self.deployment.outputs["hosts"][host]["address"])

    def on(self, host: str, command: str, timeout: float = 60) -> str:
        return self.deployment.on(host, command, timeout)

    def detached(self, host: str, command: str) -> None:
        """Run a command that ends the connection it came by."""
        self.on(host, f"systemd-run --quiet --collect sh -c 'sleep 0.3; {command}'")

    def power_off(self, host: str) -> None:
        """The server is gone at once, as when its compute host dies: libvirt kills it, nova is not asked."""
        server = self.admin.compute.find_server(f"congress-dev-{host}", all_projects=True, details=True)
        command = ["virsh", "-c", "lxc:///", "destroy", server.instance_name]
        subprocess.run([ROOT / "lab/on", server.hypervisor_hostname, *command], check=True, capture_output=True)

    def power_on(self, host: str) -> None:
        """Start a server that nova believes to be off, after it has found out."""
        server = self.admin.compute.find_server(f"congress-dev-{host}", all_projects=True)

        def started() -> bool:
            state = self.admin.compute.get_server(server.id)
            if state.status == "SHUTOFF" and not state.task_state:
                self.admin.compute.start_server(state)
            return bool(state.status == "ACTIVE")

        wait_for(f"nova starts {host}", 120, started, pause=1)


@dataclass(frozen=True)
class Fault:
    """`absent`: whether the datasource node may be missing for a while, once; else it must not be at all."""

    name: str
    strike: Callable[[Pair], None]
    mend: Callable[[Pair], None] = nothing
    absent: bool = True


NODE = "$(pgrep -f '^[^ ]*python [^ ]*congress-server .*--datasources')"


def _move(pair: Pair) -> None:
    pair.on(pair.active, f"crm_resource --move --resource ds-node --node congress-dev-{pair.standby}")


def _unban(pair: Pair) -> None:
    pair.on(pair.standby, "crm_resource --clear --resource ds-node")


def _standby(pair: Pair) -> None:
    pair.on(pair.active, f"crm_standby --node congress-dev-{pair.active} --update on")


def _unstandby(pair: Pair) -> None:
    pair.on(pair.standby, f"crm_standby --node congress-dev-{pair.active} --delete")


def _both_off(pair: Pair) -> None:
    pair.power_off(pair.standby)
    pair.power_off(pair.active)


def _both_on(pair: Pair) -> None:
    pair.power_on(pair.active)
    pair.power_on(pair.standby)


def _blackhole(pair: Pair, target: str) -> None:
    pair.on(pair.active, f"ip route add blackhole {target}/32")


def _unblackhole(pair: Pair, target: str) -> None:
    pair.on(pair.active, f"ip route del blackhole {target}/32 2>/dev/null || true")


def _bus(pair: Pair) -> str:
    return pair.address("messaging")


FAULTS = (
    Fault("resource moved", _move, mend=_unban),
    Fault("node in standby", _standby, mend=_unstandby),
    Fault("process killed", lambda pair: pair.detached(pair.active, f"kill -KILL {NODE}")),
    Fault("process stopped", lambda pair: pair.detached(pair.active, f"kill -STOP {NODE}")),
    Fault(
        "bus out of reach",
        lambda pair: _blackhole(pair, _bus(pair)),
        mend=lambda pair: _unblackhole(pair, _bus(pair)),
    ),
    Fault("pacemaker killed", lambda pair: pair.detached(pair.active, "pkill -KILL pacemaker")),
    Fault("host destroyed", lambda pair: pair.power_off(pair.active)),
    Fault("host rebooted from inside", lambda pair: pair.detached(pair.active, "reboot --force")),
    Fault("pair cut apart", lambda pair: _blackhole(pair, pair.address(pair.standby))),
    Fault("host cut from everything", lambda pair: pair.detached(pair.active, "ip link set eth0 down")),
    Fault("bus restarted", lambda pair: _restart(pair, "messaging", "rabbitmq-server"), absent=False),
    Fault("database restarted", lambda pair: _restart(pair, "database", "mariadb"), absent=False),
    Fault("both hosts off and on", _both_off, mend=_both_on),
    Fault("standby lost", lambda pair: pair.power_off(pair.standby), absent=False),
)


def _restart(pair: Pair, host: str, unit: str) -> None:
    pair.on(host, f"systemctl restart {unit}", timeout=120)
