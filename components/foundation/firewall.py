"""Who may open a connection to whom, as the table of roles says: one security group per role, nothing else is open."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Literal

import pulumi
from pulumi_openstack import networking

from roles import BASTION, ROLES, SSH
from settings import EVERYWHERE, Settings

DNS = 53
# A server asks it at its first boot who it is.
METADATA = IPv4Network("169.254.169.254/32")

Protocol = Literal["tcp", "udp", "icmp"]
ALL: tuple[Protocol, ...] = ("tcp", "udp", "icmp")
RESOLUTION: tuple[Protocol, ...] = ("tcp", "udp")


@dataclass(frozen=True)
class Rule:
    """Connections that hosts of `role` accept from `peer` (ingress), or open to it (egress): a role or a range outside.

    `ports`: first and last, None for all.
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


def rules(settings: Settings) -> tuple[Rule, ...]:
    """The whole firewall of a stack."""
    table = ways_in(settings)
    return (*table, *ways_out(settings, table))


def ways_in(settings: Settings) -> tuple[Rule, ...]:
    """SSH from the bastion, and what the table of roles says."""
    behind = (role for role in ROLES if role is not BASTION)
    return (
        *(Rule(role.name, "tcp", (SSH, SSH), BASTION.name) for role in behind),
        *(
            Rule(role.name, opening.protocol, opening.ports(settings), peer)
            for role in ROLES
            for opening in role.openings
            for peer in opening.peers(settings)
        ),
    )


def ways_out(settings: Settings, table: Iterable[Rule]) -> Iterator[Rule]:
    """To the ranges of the settings by every protocol. Where they are not everywhere: also what `table` lets in at the
    other end, resolvers, and the metadata service.
    """
    ranges = settings.network.egress_cidrs
    for role in ROLES:
        for protocol in ALL:
            yield from (Rule(role.name, protocol, None, cidr, "egress") for cidr in ranges)
    if EVERYWHERE in ranges:
        return
    for rule in table:
        if isinstance(rule.peer, str):
            yield Rule(rule.peer, rule.protocol, rule.ports, rule.role, "egress")
    resolvers = [IPv4Network(server) for server in settings.network.dns_servers] or [settings.network.cidr]
    for role in ROLES:
        yield Rule(role.name, "tcp", (80, 80), METADATA, "egress")
        for protocol in RESOLUTION:
            yield from (Rule(role.name, protocol, (DNS, DNS), resolver, "egress") for resolver in resolvers)


class Firewall(pulumi.ComponentResource):
    """A security group per role, and the table's rules as resources of their own.

    Rules inside a group or groups on an instance are known to hang at a change
    (terraform-provider-openstack#408, #1097), so groups go on ports and rules stand alone. Neutron's own rules, which
    let all out, are deleted with the group's birth: what goes out is a change of rules, never of a group in use.
    Groups of an older program have them still: `make repair` deletes them.
    """

    groups: Mapping[str, networking.SecGroup]
    ways_out: Mapping[str, Sequence[networking.SecGroupRule]]

    def __init__(
        self, name: str, prefix: str, table: Iterable[Rule], opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("congress-ha:index:Firewall", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        self.groups = {
            role.name: networking.SecGroup(
                role.name,
                name=f"{prefix}-{role.name}",
                description=f"{role.name} of {prefix}",
                delete_default_rules=True,
                opts=pulumi.ResourceOptions(parent=self, ignore_changes=["deleteDefaultRules"]),
            )
            for role in ROLES
        }
        made = [(rule, self._rule(rule, child)) for rule in table]
        self.ways_out = {
            role.name: [
                made_rule for rule, made_rule in made if (rule.role, rule.direction) == (role.name, "egress")
            ]
            for role in ROLES
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
