"""Whether the project's ports can be as a stack needs them: enough of them, and with an address that moves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from openstack.exceptions import ForbiddenException, NotFoundException

from roles import ROLES
from settings import NAMESPACE, Settings

if TYPE_CHECKING:
    from openstack.connection import Connection

PAIRS = "allowed-address-pairs"
SETTING = f"{NAMESPACE}:loadBalancer.hosts"


def problems(cloud: Connection, settings: Settings, prefix: str, servers: Iterable[str]) -> Iterator[str]:
    """`servers`: names of all servers of the stack, which their ports have as well."""
    virtual = [f"{prefix}-{role.virtual_name}" for role in ROLES if role.shares_an_address(settings)]
    if not virtual:
        return
    if cloud.network.find_extension(PAIRS, ignore_missing=True) is None:
        yield (
            f"{SETTING}: ports of this cloud take no other host's address (its neutron has no extension {PAIRS}), and "
            "the virtual address could not move: set 1"
        )
    yield from _quota(cloud, {*servers, *virtual})


def _quota(cloud: Connection, names: set[str]) -> Iterator[str]:
    """Ports of an earlier `up` count as used already; only those still to be made need room."""
    project = cloud.current_project_id or ""
    try:
        ports = cloud.network.get_quota(project, details=True).ports
    except (ForbiddenException, NotFoundException):
        return  # This cloud does not tell.
    room = ports["limit"] - ports["used"] - int(ports.get("reserved") or 0)
    missing = len(names - {port.name for port in cloud.network.ports(project_id=project)})
    if ports["limit"] >= 0 and missing > room:
        yield (
            f"the project's quota allows {room} more ports (of {ports['limit']}), the stack needs {missing}; ask for "
            f"more, or set {SETTING} to 1"
        )
