"""What a role is. Imports nothing of Pulumi's, for the operator's tools read the table, too."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from settings import Settings

Ports = tuple[int, int]
# What stands for a policy engine's id in a unit or in a probe: there is one for each engine of the host.
NODE_ID = "{node_id}"


def one(_settings: Settings) -> int:
    return 1


@dataclass(frozen=True)
class Opening:
    """Connections that hosts of a role accept.

    `ports`: first and last. `peers`: names of roles, or ranges of addresses outside.
    """

    protocol: Literal["tcp", "udp"]
    ports: Callable[[Settings], Ports]
    peers: Callable[[Settings], Iterable[str | IPv4Network]]


@dataclass(frozen=True)
class Probe:
    """A command that tells a part of a host's health. It only looks, and runs as root.

    `command`: words between blanks, without a shell. `stdin`: a text, or else `file`, one of ops/remote. Name and
    command may have {node_id}, {url} (of an engine), {inside} and {sample} (limits in seconds).
    """

    name: str
    command: str
    stdin: str = ""
    file: str = ""


@dataclass(frozen=True, kw_only=True)
class Role:
    """A kind of host, with all that the program and the operator's tools have to know about it.

    `host`: how its hosts are called, see `host_name`; `count`: how many there are.
    `outage`: what `make replace` says that a replacement means; `row`: where `make status` shows it.
    """

    name: str
    outage: str
    row: str
    host: str
    # Whether the first host has the bare name: the role began with one host, which keeps its name among several.
    bare_first: bool = True
    count: Callable[[Settings], int] = one
    # Example of a flavor for it.
    flavor: str = "m1.small"
    openings: tuple[Opening, ...] = ()
    # Of Debian, beside what a step of its own installs with a configuration.
    packages: tuple[str, ...] = ()
    # systemd's units, in the order in which they are stopped before the server is deleted.
    services: tuple[str, ...] = ()
    probes: tuple[Probe, ...] = ()
    # Folders that grow, which may be disks of their own.
    folders: tuple[str, ...] = ()
    # File of the TLS certificate that it shows.
    certificate: str = ""
    # Whether Congress is installed on its hosts, and so writes into the database.
    runs_congress: bool = False
    # Whether a lost host of it is fenced, so that one must leave the cluster before it goes.
    watched_by_pacemaker: bool = False
    # Whether its new server must come up before any other host hears of it.
    replaced_alone: bool = False
    # Whether the datasource node's cluster remembers an outage of it as failures, to be forgotten afterwards.
    outage_is_remembered: bool = False

    def host_name(self, number: int) -> str:
        """Of the first, second, ... host, counted from 1."""
        return self.host if number == 1 and self.bare_first else f"{self.host}-{number}"

    def hosts(self, settings: Settings) -> tuple[str, ...]:
        return tuple(self.host_name(number) for number in range(1, self.count(settings) + 1))

    def units(self, node_ids: Iterable[str]) -> list[str]:
        """Its services on a host that has these policy engines."""
        ids = list(node_ids)
        return [
            unit
            for service in self.services
            for unit in ([service.format(node_id=id_) for id_ in ids] if NODE_ID in service else [service])
        ]

    @property
    def host_pattern(self) -> str:
        """Regular expression of all names that its hosts may have."""
        return rf"{self.host}(-\d+)?" if self.bare_first else rf"{self.host}-\d+"

    @property
    def key(self) -> str:
        """Its name as a field of the settings."""
        return self.name.replace("-", "_")
