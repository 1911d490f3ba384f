"""The type of a role. It does not use Pulumi, because the operator's commands read the table, too."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from settings import Settings

Ports = tuple[int, int]
# Neutron's names. VRRP has no ports.
Protocol = Literal["tcp", "udp", "icmp", "vrrp"]
# Placeholder for a policy engine's id in a unit or a probe, which exists once for each engine of the host.
NODE_ID = "{node_id}"


def one(_settings: Settings) -> int:
    return 1


@dataclass(frozen=True)
class Opening:
    """Connections that hosts of a role accept.

    `ports`: first and last, None for all. `peers`: names of roles, or ranges of outside addresses.
    """

    protocol: Protocol
    ports: Callable[[Settings], Ports | None]
    peers: Callable[[Settings], Iterable[str | IPv4Network]]


@dataclass(frozen=True, kw_only=True)
class Role:
    """A kind of host, with everything that the program and the operator's commands need to know about it.

    `host`: base of the hosts' names, see `host_name`. `count`: number of hosts. `outage`: the effect of a replacement,
    which `make replace` shows. `outage_of_several`: the same if other hosts continue meanwhile. `leave`: in that case,
    the command by which the host hands its work over, or waits until it may. `row`: the row of `make status` that shows
    the role.
    """

    name: str
    outage: str
    row: str
    host: str
    # Whether the first host's name has no number, because the role started with one host.
    bare_first: bool = True
    count: Callable[[Settings], int] = one
    # Whether several hosts of it share a virtual address, which one of them holds.
    has_virtual_address: bool = False
    outage_of_several: str = ""
    leave: str = ""
    # Example of a flavor for it.
    flavor: str = "m1.small"
    openings: tuple[Opening, ...] = ()
    # The port at which the nodes of Congress use it, None if they do not.
    service_port: int | None = None
    # Debian's packages, except those that a separate step installs together with their configuration.
    packages: tuple[str, ...] = ()
    # systemd units, in the order in which they are stopped before the server is deleted.
    services: tuple[str, ...] = ()
    # "module:class" of its probes and of what their answers mean. It is imported only by the commands that ask hosts.
    health: str = ""
    # Folders that grow, and which may be separate disks -> what fills them or may be deleted there, or "".
    folders: Mapping[str, str] = field(default_factory=dict, hash=False)
    # File of the TLS certificate that the host shows to clients.
    certificate: str = ""
    # Whether its hosts run Congress, which writes to the database.
    runs_congress: bool = False
    # Whether Pacemaker fences a lost host, so a host must leave the cluster before its server is deleted.
    watched_by_pacemaker: bool = False
    # Whether its data is saved before its server is deleted, and loaded into the new one.
    holds_data: bool = False
    # Whether its new server must be ready before any step on another host runs.
    replaced_alone: bool = False
    # Whether Pacemaker counts its outage as failures of the datasource node, which are cleared afterwards.
    outage_is_remembered: bool = False

    def host_name(self, number: int) -> str:
        """Name of a host without the stack's prefix; `number` starts at 1."""
        return self.host if number == 1 and self.bare_first else f"{self.host}-{number}"

    def hosts(self, settings: Settings) -> tuple[str, ...]:
        return tuple(self.host_name(number) for number in range(1, self.count(settings) + 1))

    def shares_an_address(self, settings: Settings) -> bool:
        return self.has_virtual_address and self.count(settings) > 1

    @property
    def virtual_name(self) -> str:
        """Name of the port that has the virtual address."""
        return f"{self.host}-virtual-address"

    def units(self, node_ids: Iterable[str]) -> list[str]:
        """The services of a host with these policy engines."""
        ids = list(node_ids)
        return [
            unit
            for service in self.services
            for unit in ([service.format(node_id=id_) for id_ in ids] if NODE_ID in service else [service])
        ]

    @property
    def host_pattern(self) -> str:
        """Regular expression for all names that its hosts may have."""
        return rf"{self.host}(-\d+)?" if self.bare_first else rf"{self.host}-\d+"

    @property
    def key(self) -> str:
        """Its name as a field of the settings (snake case)."""
        return self.name.replace("-", "_")
