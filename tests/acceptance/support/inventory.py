"""All resources of the deploying project in the cloud, by kind, under names that a second deployment reuses."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from openstack.connection import Connection

ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
# The suffix of names that Pulumi generates.
RANDOM_DIGITS = re.compile(r"-[0-9a-f]{7}$")


def inventory(cloud: Connection) -> dict[str, Counter[str]]:
    """Kind -> count of each name; without kinds of which nothing exists."""
    identity: Any = cloud.identity
    network, mine = cloud.network, {"project_id": cloud.current_project_id}
    groups = {group.id: group.name for group in network.security_groups(**mine)}
    named: Callable[[Any], str] = lambda thing: str(thing.name)  # noqa: E731
    kinds: dict[str, tuple[Iterable[Any], Callable[[Any], str]]] = {
        "servers": (cloud.compute.servers(), lambda s: f"{s.name} {s.status}"),
        "server groups": (cloud.compute.server_groups(), named),
        "keypairs": (cloud.compute.keypairs(), named),
        "ports": (network.ports(**mine), lambda p: p.name or p.device_owner),
        "networks": (network.networks(**mine), named),
        "subnets": (network.subnets(**mine), named),
        "routers": (network.routers(**mine), named),
        "floating IPs": (network.ips(**mine), lambda ip: f"{ip.description} {ip.status}"),
        "security groups": ((g for g in network.security_groups(**mine) if g.name != "default"), named),
        "rules": (
            (r for r in network.security_group_rules(**mine) if groups[r.security_group_id] != "default"),
            lambda r: (
                f"{groups[r.security_group_id]} {r.direction} {r.ether_type} {r.protocol} {r.port_range_min} "
                f"{groups.get(r.remote_group_id) or r.remote_ip_prefix}"
            ),
        ),
        "application credentials": (
            identity.application_credentials(cloud.current_user_id),
            lambda c: RANDOM_DIGITS.sub("", c.name),
        ),
        "access rules": (
            identity.access_rules(cloud.current_user_id),
            lambda r: f"{r.method} {ID.sub('ID', r.path)}",
        ),
    }
    counted = {kind: Counter(name(thing) for thing in things) for kind, (things, name) in kinds.items()}
    return {kind: names for kind, names in counted.items() if names}
