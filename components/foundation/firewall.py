"""The firewall: one security group per role, whose rules come from the table of roles. Nothing else is open."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Literal

import pulumi
from pulumi_openstack import networking

from roles import BASTION, ROLES, SSH, Protocol, Role
from settings import EVERYWHERE, Settings

DNS = 53
# Servers read their first-boot data there.
METADATA = IPv4Network("169.254.169.254/32")

ALL: tuple[Protocol, ...] = ("tcp", "udp", "icmp")
RESOLUTION: tuple[Protocol, ...] = ("tcp", "udp")


@dataclass(frozen=True)
class Rule:
    """Connections that hosts of `role` accept from `peer` (ingress) or open to `peer` (egress).

    `ports`: first and last, None for all. `peer`: name of a role, or a range of outside addresses.
    """

    role: str
    protocol: Protocol
    ports: tuple[int, int] | None
    peer: str | IPv4Network
    direction: Literal["ingress", "egress"] = "ingress"

    @property
    def name(self) -> str:
        peer = str(self.peer).replace("/", "-")
        port = f"-{self.ports[0]}" if self.ports else ""
        return f"{self.role}-{self.protocol}{port}-{'from' if self.direction == 'ingress' else 'to'}-{peer}"


def with_hosts(settings: Settings) -> list[Role]:
    """The roles that have hosts: one whose service is external has none."""
    return [role for role in ROLES if role.count(settings)]


def rules(settings: Settings) -> tuple[Rule, ...]:
    """The whole firewall of a stack."""
    ingress = ingress_rules(settings)
    return (*ingress, *egress_rules(settings, ingress))


def ingress_rules(settings: Settings) -> tuple[Rule, ...]:
    """SSH from the bastion, and the openings in the table of roles."""
    present = with_hosts(settings)
    behind = (role for role in present if role is not BASTION)
    return (
        *(Rule(role.name, "tcp", (SSH, SSH), BASTION.name) for role in behind),
        *(
            Rule(role.name, opening.protocol, opening.ports(settings), peer)
            for role in present
            for opening in role.openings
            for peer in opening.peers(settings)
        ),
    )


def egress_rules(settings: Settings, ingress: Iterable[Rule]) -> Iterator[Rule]:
    """TCP, UDP and ICMP to network.egressCidrs, and other protocols to the hosts whose `ingress` accepts them.

    If the ranges are limited, also everything else to the hosts whose `ingress` accepts it, DNS to the resolvers, and
    the metadata service. Then the Congress hosts reach external services, too, of which the settings have the address.
    """
    ranges = settings.network.egress_cidrs
    limited = EVERYWHERE not in ranges
    present = with_hosts(settings)
    for role in present:
        for protocol in ALL:
            yield from (Rule(role.name, protocol, None, cidr, "egress") for cidr in ranges)
    for rule in ingress:
        if isinstance(rule.peer, str) and (limited or rule.protocol not in ALL):
            yield Rule(rule.peer, rule.protocol, rule.ports, rule.role, "egress")
    if not limited:
        return
    resolvers = [IPv4Network(server) for server in settings.network.dns_servers] or [settings.network.cidr]
    for role in present:
        yield Rule(role.name, "tcp", (80, 80), METADATA, "egress")
        for protocol in RESOLUTION:
            yield from (Rule(role.name, protocol, (DNS, DNS), resolver, "egress") for resolver in resolvers)
        if role.runs_congress:
            for address, port in external_services(settings):
                yield Rule(role.name, "tcp", (port, port), address, "egress")


def external_services(settings: Settings) -> Iterator[tuple[IPv4Network, int]]:
    """Address and port of those that the settings do not name by a DNS name."""
    database, messaging = settings.database.external, settings.messaging.external
    for server in (*([database] if database else []), *(messaging.hosts if messaging else ())):
        if (address := server.range) is not None:
            yield address, server.port


class Firewall(pulumi.ComponentResource):
    """A security group per role, and each rule as its own resource.

    Changes of rules inside a group, and of groups on an instance, can hang (terraform-provider-openstack#408, #1097).
    So groups are on ports, and rules are separate. Neutron's default rules, which allow all outgoing connections, are
    deleted when a group is created, so egress changes only by rules. Groups that an older program created still have
    the default rules; `make repair` deletes them.
    """

    groups: Mapping[str, networking.SecGroup]
    egress: Mapping[str, Sequence[networking.SecGroupRule]]

    def __init__(
        self, name: str, prefix: str, table: Iterable[Rule], opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("congress-ha:index:Firewall", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        table = tuple(table)
        present = {rule.role for rule in table}
        self.groups = {
            role.name: networking.SecGroup(
                role.name,
                name=f"{prefix}-{role.name}",
                description=f"{role.name} of {prefix}",
                delete_default_rules=True,
                opts=pulumi.ResourceOptions(parent=self, ignore_changes=["deleteDefaultRules"]),
            )
            for role in ROLES
            if role.name in present
        }
        resources = [(rule, self._rule(rule, child)) for rule in table]
        self.egress = {
            role.name: [
                resource
                for rule, resource in resources
                if (rule.role, rule.direction) == (role.name, "egress")
            ]
            for role in ROLES
            if role.name in present
        }
        self.register_outputs({})

    def _rule(self, rule: Rule, child: pulumi.ResourceOptions) -> networking.SecGroupRule:
        first, last = rule.ports or (None, None)
        return networking.SecGroupRule(
            rule.name,
            security_group_id=self.groups[rule.role].id,
            direction=rule.direction,
            ethertype="IPv4",
            protocol=rule.protocol,
            port_range_min=first,
            port_range_max=last,
            remote_group_id=self.groups[rule.peer].id if isinstance(rule.peer, str) else None,
            remote_ip_prefix=None if isinstance(rule.peer, str) else str(rule.peer),
            opts=child,
        )
