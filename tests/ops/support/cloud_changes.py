"""A state of Pulumi, the cloud that matches it, and changes by hand, one at a time."""

from __future__ import annotations

from typing import Any

from openstack.compute.v2.server import Server
from openstack.network.v2.floating_ip import FloatingIP
from openstack.network.v2.port import Port
from openstack.network.v2.security_group import SecurityGroup
from openstack.network.v2.security_group_rule import SecurityGroupRule

from components.preflight.state import (
    ADDRESS,
    GROUP,
    PORT,
    ROUTER_INTERFACE,
    RULE,
    SERVER,
    STEP,
    State,
    parse_state,
)
from ops.drift.cloud import KINDS

ANSWER = {"files": 3, "services": 1, "packages": 2, "findings": []}


def exported(type_: str, name: str, id_: str, **more: Any) -> dict[str, Any]:
    return {"urn": f"urn:pulumi:dev::congress-ha::Host${type_}::{name}", "type": type_, "id": id_, **more}


def state() -> State:
    """Two hosts, each with a step; a group with a rule; the bastion's address; a router's interface."""
    hosts = {}
    for host in ("bastion", "database"):
        server = exported(
            SERVER,
            host,
            f"server-{host}",
            inputs={"name": f"congress-dev-{host}", "userData": {"ciphertext": ""}},
        )
        hosts[host] = [
            server,
            exported(PORT, f"{host}-port", f"port-{host}", inputs={"securityGroupIds": ["group"]}),
            exported(STEP, f"{host}-ready", f"{host}-ready1", deletedWith=server["urn"]),
        ]
    return parse_state(
        {
            "deployment": {
                "resources": [
                    {
                        "urn": "urn:pulumi:dev::congress-ha::pulumi:pulumi:Stack::s",
                        "type": "pulumi:pulumi:Stack",
                    },
                    *hosts["bastion"],
                    *hosts["database"],
                    exported(GROUP, "database", "group"),
                    exported(
                        RULE,
                        "database-tcp-22",
                        "rule",
                        inputs={"securityGroupId": "group", "direction": "ingress"},
                    ),
                    exported(
                        RULE,
                        "database-tcp-to-0.0.0.0-0",
                        "out",
                        inputs={"securityGroupId": "group", "direction": "egress"},
                    ),
                    exported(ADDRESS, "bastion-address", "address", inputs={"portId": "port-bastion"}),
                    exported(ROUTER_INTERFACE, "network-router-interface", "interface"),
                    exported(PORT, "old-port", "port-old", inputs={"securityGroupIds": []}, delete=True),
                ]
            }
        }
    )


def rule(id_: str, **values: Any) -> SecurityGroupRule:
    return SecurityGroupRule(
        **{"id": id_, "security_group_id": "group", "direction": "ingress", "ether_type": "IPv4", **values}
    )


def port(id_: str, *groups: str, up: bool = True) -> Port:
    return Port(id=id_, security_group_ids=list(groups), is_admin_state_up=up)


def view() -> dict[str, dict[str, Any]]:
    """The cloud that matches the state, with resources of others."""
    resources: dict[str, list[Any]] = {
        SERVER: [
            *(
                Server(id=f"server-{host}", name=f"congress-dev-{host}", status="ACTIVE")
                for host in ("bastion", "database")
            ),
            Server(id="server-2", name="congress-dev-2-database", status="SHUTOFF"),
        ],
        PORT: [
            port("port-bastion", "group"),
            port("port-database", "group"),
            port("interface"),
            port("other"),
        ],
        GROUP: [
            SecurityGroup(id="group", name="congress-dev-database"),
            SecurityGroup(id="foreign", name="foreign"),
        ],
        RULE: [
            rule("rule", protocol="tcp", port_range_min=22, port_range_max=22),
            rule("out", direction="egress", protocol="tcp", remote_ip_prefix="0.0.0.0/0"),
            rule("foreign", security_group_id="foreign"),
        ],
        ADDRESS: [FloatingIP(id="address", floating_ip_address="192.0.2.9", port_id="port-bastion")],
    }
    return {type_: {one.id: one for one in resources.get(type_, [])} for type_ in KINDS}


def without(type_: str, id_: str) -> dict[str, dict[str, Any]]:
    changed = view()
    del changed[type_][id_]
    return changed


def with_(type_: str, one: Any) -> dict[str, dict[str, Any]]:
    changed = view()
    changed[type_][one.id] = one
    return changed


CHANGES: dict[str, tuple[dict[str, dict[str, Any]], str, str, str]] = {
    "server deleted": (
        without(SERVER, "server-bastion"),
        "servers",
        "bastion: the cloud has no server congress-dev-bastion (server-bastion)",
        "creates it again",
    ),
    "database deleted": (
        without(SERVER, "server-database"),
        "servers",
        "database: the cloud has no server congress-dev-database (server-database)",
        "creates it again, empty; with the data of a backup: make replace HOST=database FILE=...",
    ),
    "server off": (
        with_(SERVER, Server(id="server-bastion", name="congress-dev-bastion", status="SHUTOFF")),
        "servers",
        "bastion is SHUTOFF",
        "starts it",
    ),
    "server in trouble": (
        with_(SERVER, Server(id="server-bastion", name="congress-dev-bastion", status="ERROR")),
        "servers",
        "bastion is ERROR",
        "openstack server show server-bastion; make status",
    ),
    "another server of the name": (
        with_(SERVER, Server(id="made-by-hand", name="congress-dev-bastion", status="ACTIVE")),
        "servers",
        "a server congress-dev-bastion (made-by-hand) is not the stack's",
        "unless somebody changes the stack just now: openstack server delete made-by-hand",
    ),
    "rule added": (
        with_(
            RULE,
            rule(
                "new", protocol="tcp", port_range_min=3306, port_range_max=3307, remote_ip_prefix="0.0.0.0/0"
            ),
        ),
        "security groups",
        "group database has a rule that is not the stack's: ingress IPv4 tcp 3306-3307 from 0.0.0.0/0",
        "removes it",
    ),
    "rule added that lets a little out": (
        with_(RULE, rule("new", direction="egress", protocol="udp", remote_group_id="foreign")),
        "security groups",
        "group database has a rule that is not the stack's: egress IPv4 udp all ports to foreign",
        "removes it",
    ),
    "rule added that lets all in": (
        with_(RULE, rule("new", ether_type="IPv6")),
        "security groups",
        "group database has a rule that is not the stack's: ingress IPv6 any all ports from anywhere",
        "removes it",
    ),
    "rule removed": (
        without(RULE, "rule"),
        "security groups",
        "rule database-tcp-22 is gone",
        "creates it again",
    ),
    "neutron's own rule is back": (
        with_(RULE, rule("new", direction="egress")),
        "security groups",
        "group database has a rule that is not the stack's: egress IPv4 any all ports to anywhere",
        "removes it",
    ),
    "way out removed": (
        without(RULE, "out"),
        "security groups",
        "rule database-tcp-to-0.0.0.0-0 is gone",
        "creates it again",
    ),
    "port's groups": (
        with_(PORT, port("port-database", "group", "foreign")),
        "ports",
        "port database-port has other security groups: congress-dev-database, foreign",
        "restores them",
    ),
    "port without groups": (
        with_(PORT, port("port-database")),
        "ports",
        "port database-port has other security groups: none",
        "restores them",
    ),
    "port's other addresses": (
        with_(
            PORT,
            Port(
                id="port-database",
                security_group_ids=["group"],
                is_admin_state_up=True,
                allowed_address_pairs=[{"ip_address": "10.20.0.9", "mac_address": "fa:16:3e:0:0:1"}],
            ),
        ),
        "ports",
        "port database-port has other address pairs: 10.20.0.9",
        "restores them",
    ),
    "port off": (
        with_(PORT, port("port-database", "group", up=False)),
        "ports",
        "port database-port is switched off",
        "switches it on",
    ),
    "address detached": (
        with_(ADDRESS, FloatingIP(id="address", floating_ip_address="192.0.2.9")),
        "floating IPs",
        "192.0.2.9 is not attached to bastion-port",
        "attaches it",
    ),
    "address deleted": (
        without(ADDRESS, "address"),
        "floating IPs",
        "floating IP bastion-address is gone",
        "creates it again, with another address",
    ),
    "router's interface removed": (
        without(PORT, "interface"),
        "ports",
        "port network-router-interface is gone",
        "creates it again",
    ),
}
