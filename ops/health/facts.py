"""Facts: what was observed of a deployment, without any assessment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from ops.health.role_health import Health

H = TypeVar("H", bound="Health")


@dataclass(frozen=True)
class Unseen:
    """Something that could not be observed. `explained`: the host's own finding already gives the reason."""

    why: str
    explained: bool = False


# A service that has no hosts in the stack.
EXTERNAL = Unseen("it is not the stack's", explained=True)


@dataclass(frozen=True)
class HostState:
    """`status`: nova's, "missing" without a server, None if the cloud did not answer. `fault`, `task`: nova's, or "".

    `ssh`: why the host gave no answers, None if it did; `connected`: whether SSH itself worked; `isolated`: its port
    has no security group, so that no host accepts its connections. `place`: the same text for hosts on the same compute
    host, "" if it is unknown.
    """

    role: str
    server: str
    status: str | None
    fault: str = ""
    ssh: str | None = None
    connected: bool = False
    task: str = ""
    isolated: bool = False
    place: str = ""


@dataclass(frozen=True)
class Disk:
    """A filesystem by its mount point. `used`: percent of its space or its inodes, whichever is more."""

    mount: str
    used: int
    free_mib: int


@dataclass(frozen=True)
class Facts:
    """All facts. Keys are host names.

    `cloud`: why the cloud did not answer, None if it did. `endpoint`: milliseconds. `certificates`: row of the table ->
    days until its certificate ends. `health`: what the roles' own probes saw, in the order of the table of roles.
    `external`: row of a role whose service is the operator's own -> where that is.
    """

    cloud: str | None
    hosts: Mapping[str, HostState]
    endpoint: int | Unseen
    certificates: Mapping[str, int | Unseen]
    disks: Mapping[str, tuple[Disk, ...] | Unseen]
    health: Mapping[type[Health], Health]
    external: Mapping[str, str] = field(default_factory=dict)

    def __getitem__(self, kind: type[H]) -> H:
        """What the probes of one role saw."""
        seen = self.health[kind]
        assert isinstance(seen, kind)  # noqa: S101  for the type checker
        return seen
