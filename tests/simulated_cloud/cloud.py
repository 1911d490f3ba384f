"""The content of a cloud with many servers, as its APIs return it.

Proportions are those of a general-purpose cloud: a project has twenty servers, a network, and ten security groups of 32
rules.
"""

from __future__ import annotations

import uuid
from typing import Any

SERVERS_A_PROJECT, GROUPS_A_PROJECT, RULES_A_GROUP = 20, 10, 32
SERVERS_A_HYPERVISOR = 25
CREATED = "2026-11-28T00:00:00Z"
EXTERNAL = "public"

Item = dict[str, Any]


def id_of(kind: str, number: int) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{kind}/{number}"))


class Cloud:
    """`items`: path of a collection, such as network/ports -> what is in it."""

    def __init__(self, servers: int) -> None:
        self.changes = 0
        projects = -(-servers // SERVERS_A_PROJECT)
        self.items: dict[str, list[Item]] = {
            "identity/domains": [named("domain", 0, description="", enabled=True) | {"name": "Default"}],
            "identity/projects": [project(number) for number in range(projects)],
            "identity/users": [user(number) for number in range(servers // 10 + 1)],
            "identity/roles": [
                {"id": id_of("role", number), "name": name}
                for number, name in enumerate(("admin", "member", "reader"))
            ],
            "compute/servers": [server(number) for number in range(servers)],
            "compute/flavors": [flavor(number) for number in range(20)],
            "compute/os-hypervisors": [
                {
                    "id": number + 1,
                    "hypervisor_hostname": f"compute-{number}",
                    "state": "up",
                    "status": "enabled",
                }
                for number in range(-(-servers // SERVERS_A_HYPERVISOR))
            ],
            "compute/os-services": [
                {
                    "id": number + 1,
                    "binary": "nova-compute",
                    "host": f"compute-{number}",
                    "zone": "nova",
                    "status": "enabled",
                    "state": "up",
                }
                for number in range(-(-servers // SERVERS_A_HYPERVISOR))
            ],
            "compute/os-availability-zone": [{"zoneName": "nova", "zoneState": {"available": True}}],
            "network/networks": [network(number) for number in range(projects)],
            "network/subnets": [subnet(number) for number in range(projects)],
            "network/routers": [router(number) for number in range(projects)],
            "network/ports": [port(number) for number in range(servers)],
            "network/security-groups": [group(number) for number in range(projects * GROUPS_A_PROJECT)],
            "network/floatingips": [floating_ip(number) for number in range(servers // 10)],
            "image/images": [image(number) for number in range(20 + servers // 50)],
        }

    def change_a_rule(self) -> str:
        """Change the first rule of the first security group: the remote prefix that it has from now on."""
        self.changes += 1
        prefix = f"198.51.{self.changes // 256 % 256}.{self.changes % 256}/32"
        self.items["network/security-groups"][0]["security_group_rules"][0]["remote_ip_prefix"] = prefix
        return prefix

    @property
    def rules(self) -> int:
        """How many rules all security groups have."""
        return sum(len(group["security_group_rules"]) for group in self.items["network/security-groups"])


def named(kind: str, number: int, **more: Any) -> Item:
    return {"id": id_of(kind, number), "name": f"{kind}-{number}", **more}


def owned(kind: str, number: int, a_project: int = 1, **more: Any) -> Item:
    owner = id_of("project", number // a_project)
    return named(kind, number, tenant_id=owner, project_id=owner, **more)


def project(number: int) -> Item:
    return named("project", number, description="", enabled=True, domain_id="default")


def user(number: int) -> Item:
    owner = id_of("project", number // 2)
    return named("user", number, enabled=True, domain_id="default", default_project_id=owner)


def flavor(number: int) -> Item:
    sizes = {"vcpus": 1 + number % 8, "ram": 1024 * (1 + number), "disk": 20, "rxtx_factor": 1.0}
    return named(
        "flavor",
        number,
        **sizes,
        **{"OS-FLV-EXT-DATA:ephemeral": 0, "os-flavor-access:is_public": number % 10 < 9},
    )


def address(number: int) -> str:
    return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


def mac(number: int) -> str:
    return f"fa:16:3e:{number >> 16 & 255:02x}:{number >> 8 & 255:02x}:{number & 255:02x}"


def server(number: int) -> Item:
    owner = number // SERVERS_A_PROJECT
    host = f"compute-{number // SERVERS_A_HYPERVISOR}"
    interface = {
        "addr": address(number),
        "version": 4,
        "OS-EXT-IPS:type": "fixed",
        "OS-EXT-IPS-MAC:mac_addr": mac(number),
    }
    return owned(
        "server",
        number,
        SERVERS_A_PROJECT,
        hostId=host,
        status="ACTIVE" if number % 50 else "SHUTOFF",
        user_id=id_of("user", owner * 2),
        image={"id": id_of("image", number % 20)},
        flavor={"id": id_of("flavor", number % 20)},
        created=CREATED,
        tags=[],
        addresses={f"network-{owner}": [interface]},
        **{"OS-EXT-AZ:availability_zone": "nova", "OS-EXT-SRV-ATTR:hypervisor_hostname": host},
    )


def network(number: int) -> Item:
    return owned("network", number, status="ACTIVE", admin_state_up=True, shared=False)


def subnet(number: int) -> Item:
    first = address(number * SERVERS_A_PROJECT)
    return owned(
        "subnet",
        number,
        network_id=id_of("network", number),
        ip_version=4,
        cidr=f"{first}/27",
        gateway_ip=first,
        enable_dhcp=True,
        ipv6_ra_mode=None,
        ipv6_address_mode=None,
        allocation_pools=[{"start": first, "end": first}],
        dns_nameservers=["192.0.2.53"],
        host_routes=[],
    )


def router(number: int) -> Item:
    gateway = {"network_id": id_of(EXTERNAL, 0), "enable_snat": True, "external_fixed_ips": []}
    return owned(
        "router",
        number,
        status="ACTIVE",
        admin_state_up=True,
        distributed=False,
        external_gateway_info=gateway,
    )


def port(number: int) -> Item:
    owner = number // SERVERS_A_PROJECT
    return owned(
        "port",
        number,
        SERVERS_A_PROJECT,
        network_id=id_of("network", owner),
        mac_address=mac(number),
        admin_state_up=True,
        status="ACTIVE",
        device_id=id_of("server", number),
        device_owner="compute:nova",
        fixed_ips=[{"ip_address": address(number), "subnet_id": id_of("subnet", owner)}],
        security_groups=[
            id_of("group", owner * GROUPS_A_PROJECT),
            id_of("group", owner * GROUPS_A_PROJECT + 1 + number % 9),
        ],
    )


def group(number: int) -> Item:
    rules = [rule(number * RULES_A_GROUP + index) for index in range(RULES_A_GROUP)]
    return owned("group", number, GROUPS_A_PROJECT, description="", security_group_rules=rules)


def rule(number: int) -> Item:
    of = number // RULES_A_GROUP
    return owned(
        "rule",
        number,
        GROUPS_A_PROJECT * RULES_A_GROUP,
        security_group_id=id_of("group", of),
        remote_group_id=None if number % 4 else id_of("group", of),
        direction="ingress" if number % 2 else "egress",
        ethertype="IPv4",
        protocol="tcp",
        port_range_min=number % 1000 + 1,
        port_range_max=number % 1000 + 1,
        remote_ip_prefix=f"{address(number)}/32" if number % 4 else None,
    )


def floating_ip(number: int) -> Item:
    return owned(
        "floating-ip",
        number,
        router_id=id_of("router", number * 10 // SERVERS_A_PROJECT),
        floating_network_id=id_of(EXTERNAL, 0),
        fixed_ip_address=address(number * 10),
        floating_ip_address=f"172.{16 + (number >> 16 & 15)}.{number >> 8 & 255}.{number & 255}",
        port_id=id_of("port", number * 10),
        status="ACTIVE",
    )


def image(number: int) -> Item:
    id_ = id_of("image", number)
    return owned(
        "image",
        number,
        status="active",
        container_format="bare",
        disk_format="qcow2",
        created_at=CREATED,
        updated_at=CREATED,
        owner=id_of("project", 0),
        protected=False,
        min_ram=0,
        min_disk=0,
        checksum="d41d8cd98f00b204e9800998ecf8427e",
        size=2**30,
        file=f"/v2/images/{id_}/file",
        schema="/v2/schemas/image",
        visibility="public",
        tags=["simulated"],
    )
