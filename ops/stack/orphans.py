"""Finds resources that an interrupted creation made in the cloud and that are missing from Pulumi's state.

Each finder takes the inputs of the creation. It returns only resources with the same name and the same parent (network,
port, router, group) that are still empty: whatever would fill them needs an id that the interrupted run never learned.
So a resource of another deployment is never taken for an orphan.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from components.preflight.state import (
    ADDRESS,
    GROUP,
    NETWORK,
    PORT,
    ROUTER,
    ROUTER_INTERFACE,
    RULE,
    SERVER,
    SERVER_GROUP,
    SUBNET,
    Pending,
)

if TYPE_CHECKING:
    from openstack.connection import Connection

# How neutron marks a router's port in a subnet; the second and third for distributed and for redundant routers.
INTERFACE = (
    "network:router_interface",
    "network:router_interface_distributed",
    "network:ha_router_replicated_interface",
)
DELETE_TIMEOUT = 180  # seconds until a server that was deleted is gone


@dataclass(frozen=True)
class Orphan:
    """A resource without an entry in the state. `delete` returns when the resource is gone."""

    kind: str
    name: str
    id: str
    delete: Callable[[], object]


Finder = Callable[["Connection", Mapping[str, Any]], Iterable[Orphan]]
FINDERS: dict[str, Finder] = {}


def finds(token: str) -> Callable[[Finder], Finder]:
    def add(find: Finder) -> Finder:
        FINDERS[token] = find
        return find

    return add


def orphans(cloud: Connection, pending: Pending, recorded_ids: frozenset[str]) -> list[Orphan]:
    """What a pending creation made, without resources in `recorded_ids`. Raises LookupError for an unknown type."""
    if not (pending.creates and pending.in_cloud):
        return []
    if pending.type not in FINDERS:
        raise LookupError(f"congress-ha cannot search the cloud for resources of type {pending.type}")
    candidates = FINDERS[pending.type](cloud, pending.inputs)
    return [orphan for orphan in candidates if orphan.id not in recorded_ids]


def delete_server(cloud: Connection, server: Any) -> None:
    cloud.compute.delete_server(server.id)
    cloud.compute.wait_for_delete(server, wait=DELETE_TIMEOUT)


@finds(SERVER)
def servers(cloud: Connection, inputs: Mapping[str, Any]) -> Iterator[Orphan]:
    """Servers with the creation's metadata and no other ports. One that failed early has no port at all."""
    ours = {network["port"] for network in inputs["networks"]}
    for server in cloud.compute.servers():
        if server.name == inputs["name"] and server.metadata == inputs["metadata"]:
            ports = {port.id for port in cloud.network.ports(device_id=server.id)}
            if ports <= ours:
                yield Orphan("server", server.name, server.id, partial(delete_server, cloud, server))


@finds(SERVER_GROUP)
def server_groups(cloud: Connection, inputs: Mapping[str, Any]) -> Iterator[Orphan]:
    for group in cloud.compute.server_groups():
        if group.name == inputs["name"] and not group.member_ids:
            yield Orphan(
                "server group", group.name, group.id, partial(cloud.compute.delete_server_group, group.id)
            )


@finds(NETWORK)
def networks(cloud: Connection, inputs: Mapping[str, Any]) -> Iterator[Orphan]:
    for network in cloud.network.networks(name=inputs["name"], project_id=cloud.current_project_id):
        if not network.subnet_ids and not any(cloud.network.ports(network_id=network.id)):
            yield Orphan(
                "network", network.name, network.id, partial(cloud.network.delete_network, network.id)
            )


@finds(SUBNET)
def subnets(cloud: Connection, inputs: Mapping[str, Any]) -> Iterator[Orphan]:
    for subnet in cloud.network.subnets(name=inputs["name"], network_id=inputs["networkId"]):
        yield Orphan("subnet", subnet.name, subnet.id, partial(cloud.network.delete_subnet, subnet.id))


@finds(PORT)
def ports(cloud: Connection, inputs: Mapping[str, Any]) -> Iterator[Orphan]:
    for port in cloud.network.ports(name=inputs["name"], network_id=inputs["networkId"]):
        if not port.device_id:
            yield Orphan("port", port.name, port.id, partial(cloud.network.delete_port, port.id))


def interfaces(cloud: Connection, router: str) -> list[Any]:
    return [port for port in cloud.network.ports(device_id=router) if port.device_owner in INTERFACE]


@finds(ROUTER)
def routers(cloud: Connection, inputs: Mapping[str, Any]) -> Iterator[Orphan]:
    for router in cloud.network.routers(name=inputs["name"], project_id=cloud.current_project_id):
        if not interfaces(cloud, router.id):
            yield Orphan("router", router.name, router.id, partial(cloud.network.delete_router, router.id))


@finds(ROUTER_INTERFACE)
def router_interfaces(cloud: Connection, inputs: Mapping[str, Any]) -> Iterator[Orphan]:
    router, subnet = inputs["routerId"], inputs["subnetId"]
    for port in interfaces(cloud, router):
        if subnet in {address["subnet_id"] for address in port.fixed_ips}:
            yield Orphan(
                "interface",
                f"of router {router} in subnet {subnet}",
                port.id,
                partial(cloud.network.remove_interface_from_router, router, subnet=subnet),
            )


@finds(ADDRESS)
def floating_ips(cloud: Connection, inputs: Mapping[str, Any]) -> Iterator[Orphan]:
    for address in cloud.network.ips(port_id=inputs["portId"]):
        if address.description == inputs["description"]:
            name = f"{address.floating_ip_address} of {address.description}"
            yield Orphan("floating IP", name, address.id, partial(cloud.network.delete_ip, address.id))


@finds(GROUP)
def security_groups(cloud: Connection, inputs: Mapping[str, Any]) -> Iterator[Orphan]:
    """Groups that have only egress rules, as neutron creates them."""
    for group in cloud.network.security_groups(name=inputs["name"], project_id=cloud.current_project_id):
        if all(rule["direction"] == "egress" for rule in group.security_group_rules):
            yield Orphan(
                "security group", group.name, group.id, partial(cloud.network.delete_security_group, group.id)
            )


@finds(RULE)
def security_group_rules(cloud: Connection, inputs: Mapping[str, Any]) -> Iterator[Orphan]:
    same = {
        "direction": "direction",
        "ether_type": "ethertype",
        "protocol": "protocol",
        "port_range_min": "portRangeMin",
        "port_range_max": "portRangeMax",
        "remote_group_id": "remoteGroupId",
        "remote_ip_prefix": "remoteIpPrefix",
    }
    for rule in cloud.network.security_group_rules(security_group_id=inputs["securityGroupId"]):
        if all(getattr(rule, attribute) == inputs.get(key) for attribute, key in same.items()):
            name = f"{rule.protocol} {rule.port_range_min} of group {rule.security_group_id}"
            yield Orphan("rule", name, rule.id, partial(cloud.network.delete_security_group_rule, rule.id))


@finds("openstack:identity/applicationCredential:ApplicationCredential")
def application_credentials(cloud: Connection, inputs: Mapping[str, Any]) -> Iterator[Orphan]:
    """Its name ends in random digits. It leaves its access rules behind, as keystone keeps them apart."""
    identity: Any = cloud.identity
    user = cloud.current_user_id

    def rules(credential: Any) -> set[str]:
        return {rule["id"] for rule in credential.access_rules or []}

    def delete(credential: Any) -> None:
        identity.delete_application_credential(user, credential.id)
        shared = set[str]().union(*map(rules, identity.application_credentials(user)))
        for rule in rules(credential) - shared:
            identity.delete_access_rule(user, rule)

    for credential in identity.application_credentials(user):
        if credential.name == inputs["name"]:
            yield Orphan(
                "application credential",
                credential.name,
                credential.id,
                partial(delete, credential),
            )


@finds("openstack:identity/user:User")
def users(cloud: Connection, inputs: Mapping[str, Any]) -> Iterator[Orphan]:
    """Its description names the stack (components/preflight/identity.py)."""
    for user in cloud.identity.users(name=inputs["name"], domain_id=inputs["domainId"]):
        if user.description == inputs["description"]:
            yield Orphan("user", user.name, user.id, partial(cloud.identity.delete_user, user.id))


@finds("openstack:identity/roleAssignment:RoleAssignment")
def role_assignments(_cloud: Connection, _inputs: Mapping[str, Any]) -> Iterator[Orphan]:
    """None: creating an assignment twice has no effect, and it is deleted with its user."""
    return iter(())


@finds("openstack:identity/serviceV3:ServiceV3")
def services(cloud: Connection, inputs: Mapping[str, Any]) -> Iterator[Orphan]:
    """Their description names the stack, as a user's does."""
    identity: Any = cloud.identity
    for service in identity.services(type=inputs["type"]):
        if (service.name, service.description) == (inputs["name"], inputs["description"]):
            yield Orphan("service", service.name, service.id, partial(identity.delete_service, service.id))


@finds("openstack:identity/endpointV3:EndpointV3")
def endpoints(cloud: Connection, inputs: Mapping[str, Any]) -> Iterator[Orphan]:
    identity: Any = cloud.identity
    for endpoint in identity.endpoints(service_id=inputs["serviceId"], interface=inputs["interface"]):
        if (endpoint.url, endpoint.region_id) == (inputs["url"], inputs["endpointRegion"]):
            name = f"{endpoint.interface} {endpoint.url}"
            yield Orphan("endpoint", name, endpoint.id, partial(identity.delete_endpoint, endpoint.id))
