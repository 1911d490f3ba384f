"""The rows that the drivers' tables must have, computed from the cloud's APIs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from openstack.connection import Connection

Item = dict[str, Any]

# The driver's API version: later ones return a server's flavor by name and a hypervisor's id as a UUID.
COMPUTE = {"OpenStack-API-Version": "compute 2.26"}
# The driver reports any other status as OTHER.
STATUS = {"ACTIVE", "DOWN", "BUILD", "ERROR"}
FLOATING_STATUS = {"ACTIVE", "DOWN", "ERROR"}


@dataclass(frozen=True)
class Apis:
    """The cloud's answers, unchanged by openstacksdk."""

    admin: Connection

    def listed(self, service: str, path: str, key: str) -> list[Item]:
        """All items of a collection; glance returns pages of 25."""
        items, next_ = [], path
        while next_:
            answer = self.admin.session.get(
                next_, endpoint_filter={"service_type": service, "interface": "public"}, headers=COMPUTE
            ).json()
            items += answer[key]
            next_ = answer.get("next", "")
        return items

    def servers(self) -> list[Item]:
        return self.listed("compute", "/servers/detail?all_tenants=1", "servers")

    def network(self, what: str) -> list[Item]:
        return self.listed("network", f"/v2.0/{what.replace('_', '-')}", what.replace("-", "_"))

    def identity(self, what: str) -> list[Item]:
        return self.listed("identity", f"/{what}", what)

    def images(self) -> list[Item]:
        return self.listed("image", "/v2/images", "images")


@dataclass(frozen=True)
class Table:
    """`items`: one for each row; `columns`: how to compute a column that is not the field of the same name."""

    items: Callable[[Apis], Iterable[Item]]
    columns: Mapping[str, Callable[[Item], Any]] = field(default_factory=dict)

    def rows(self, items: Iterable[Item], columns: Iterable[str]) -> list[tuple[str, ...]]:
        getters = {column: self.columns.get(column, lambda i, c=column: i.get(c)) for column in columns}
        return sorted(tuple(text(value(item)) for value in getters.values()) for item in items)

    def absent(self, items: list[Item], columns: Iterable[str]) -> set[str]:
        """Columns that the API returns for no item."""
        return {
            c for c in columns if items and c not in self.columns and not any(c in item for item in items)
        }


def text(value: Any) -> str:
    """A value as Congress stores it: without booleans or null, and only ASCII text."""
    return value.encode("ascii", "ignore").decode() if isinstance(value, str) else str(value)


def renamed(name: str) -> Callable[[Item], Any]:
    return lambda item: item[name]


def id_of(name: str) -> Callable[[Item], Any]:
    """A server without an image, because it has a volume, has an empty string there."""
    return lambda item: item[name]["id"] if item[name] else item[name]


def status(statuses: set[str]) -> Callable[[Item], Any]:
    return lambda item: item["status"] if item["status"] in statuses else "OTHER"


def parts(items: Iterable[Item], parent: str, name: str) -> list[Item]:
    """The dictionaries in a field, each with the id of its parent."""
    return [part | {parent: item["id"]} for item in items for part in item[name]]


def values(items: Iterable[Item], parent: str, name: str, column: str) -> list[Item]:
    """The texts in a field, each with the id of its parent."""
    return [{parent: item["id"], column: value} for item in items for value in item[name]]


def addresses(apis: Apis) -> list[Item]:
    return [
        address | {"server_id": server["id"], "network_name": network}
        for server in apis.servers()
        for network, entries in server["addresses"].items()
        for address in entries
    ]


def gateways(apis: Apis) -> list[Item]:
    return [
        router["external_gateway_info"] | {"id": router["id"], "router_id": router["id"]}
        for router in apis.network("routers")
        if router["external_gateway_info"]
    ]


NOVA = {
    "servers": Table(
        Apis.servers,
        {
            "host_id": renamed("hostId"),
            "image_id": id_of("image"),
            "flavor_id": id_of("flavor"),
            "zone": renamed("OS-EXT-AZ:availability_zone"),
            "host_name": renamed("OS-EXT-SRV-ATTR:hypervisor_hostname"),
            "created_at": renamed("created"),
        },
    ),
    "servers.addresses": Table(
        addresses,
        {
            "address": renamed("addr"),
            "mac_address": renamed("OS-EXT-IPS-MAC:mac_addr"),
            "address_type": renamed("OS-EXT-IPS:type"),
        },
    ),
    "tags": Table(lambda apis: values(apis.servers(), "server_id", "tags", "tag")),
    "flavors": Table(
        lambda apis: apis.listed("compute", "/flavors/detail?is_public=None", "flavors"),
        {
            "ephemeral": renamed("OS-FLV-EXT-DATA:ephemeral"),
            "rxtx_factor": lambda item: float(item["rxtx_factor"]),
        },
    ),
    "services": Table(
        lambda apis: apis.listed("compute", "/os-services", "services"), {"service_id": renamed("id")}
    ),
    "hypervisors": Table(lambda apis: apis.listed("compute", "/os-hypervisors/detail", "hypervisors")),
    "availability_zones": Table(
        lambda apis: apis.listed("compute", "/os-availability-zone/detail", "availabilityZoneInfo"),
        {"zone": renamed("zoneName"), "state": renamed("zoneState")},
    ),
}

NEUTRON = {
    "networks": Table(lambda apis: apis.network("networks"), {"status": status(STATUS)}),
    "subnets": Table(lambda apis: apis.network("subnets")),
    "allocation_pools": Table(lambda apis: parts(apis.network("subnets"), "subnet_id", "allocation_pools")),
    "dns_nameservers": Table(
        lambda apis: values(apis.network("subnets"), "subnet_id", "dns_nameservers", "dns_nameserver")
    ),
    "host_routes": Table(lambda apis: parts(apis.network("subnets"), "subnet_id", "host_routes")),
    "ports": Table(lambda apis: apis.network("ports"), {"status": status(STATUS)}),
    "fixed_ips": Table(lambda apis: parts(apis.network("ports"), "port_id", "fixed_ips")),
    "security_group_port_bindings": Table(
        lambda apis: values(apis.network("ports"), "port_id", "security_groups", "security_group_id")
    ),
    "routers": Table(lambda apis: apis.network("routers"), {"status": status(STATUS)}),
    "external_gateway_infos": Table(gateways),
    "external_fixed_ips": Table(lambda apis: parts(gateways(apis), "router_id", "external_fixed_ips")),
    "security_groups": Table(lambda apis: apis.network("security_groups")),
    # The driver takes the rules out of their groups.
    "security_group_rules": Table(lambda apis: apis.network("security_group_rules")),
    "floating_ips": Table(lambda apis: apis.network("floatingips"), {"status": status(FLOATING_STATUS)}),
}

KEYSTONE = {
    what: Table(lambda apis, what=what: apis.identity(what))  # type: ignore[misc]
    for what in ("users", "roles", "projects", "domains")
}

GLANCE = {
    "images": Table(Apis.images),
    "tags": Table(lambda apis: values(apis.images(), "image_id", "tags", "tag")),
}

# Driver -> all of its tables.
TABLES: Mapping[str, Mapping[str, Table]] = {
    "nova": NOVA,
    "neutronv2": NEUTRON,
    "keystonev3": KEYSTONE,
    "glancev2": GLANCE,
}
