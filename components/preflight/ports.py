"""Checks that the project may create the ports of a virtual address: address pairs and quota."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from openstack.exceptions import ForbiddenException, NotFoundException

from roles import DATABASE, LOAD_BALANCER
from settings import NAMESPACE, Settings

if TYPE_CHECKING:
    from openstack.connection import Connection

PAIRS = "allowed-address-pairs"
SETTINGS = {LOAD_BALANCER: f"{NAMESPACE}:loadBalancer.hosts", DATABASE: f"{NAMESPACE}:database.hosts"}


def problems(cloud: Connection, settings: Settings, prefix: str, servers: Iterable[str]) -> Iterator[str]:
    """Yields sentences. `servers`: names of all servers of the stack, which are also the names of their ports."""
    roles = [role for role in SETTINGS if role.shares_an_address(settings)]
    if not roles:
        return
    virtual = [f"{prefix}-{role.virtual_name}" for role in roles]
    named = " and ".join(SETTINGS[role] for role in roles)
    if cloud.network.find_extension(PAIRS, ignore_missing=True) is None:
        yield (
            f"{named}: this cloud's neutron has no extension {PAIRS}, without which a virtual address cannot move "
            "between hosts: set 1"
        )
    yield from _quota(cloud, {*servers, *virtual}, named)


def _quota(cloud: Connection, names: set[str], settings: str) -> Iterator[str]:
    """Existing ports already count as used, so only ports that are still to be created need room."""
    project = cloud.current_project_id or ""
    try:
        ports = cloud.network.get_quota(project, details=True).ports
    except (ForbiddenException, NotFoundException):
        return  # Not every cloud lets members read their quota.
    room = ports["limit"] - ports["used"] - int(ports.get("reserved") or 0)
    missing = len(names - {port.name for port in cloud.network.ports(project_id=project)})
    if ports["limit"] >= 0 and missing > room:
        yield (
            f"the project's quota allows {room} more ports (of {ports['limit']}), the stack needs {missing}; ask for "
            f"more, or set {settings} to 1"
        )
