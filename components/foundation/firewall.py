"""Who may open a connection to whom: one table, one security group per role, nothing else is open."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Literal

import pulumi
from pulumi_openstack import networking

from settings import EVERYWHERE, Settings

BASTION = "bastion"
DATABASE = "database"
MESSAGING = "messaging"
DATASOURCE_NODE = "datasource-node"
POLICY_ENGINE = "policy-engine"
LOAD_BALANCER = "load-balancer"
ROLES = (BASTION, DATABASE, MESSAGING, DATASOURCE_NODE, POLICY_ENGINE, LOAD_BALANCER)

SSH, MYSQL, AMQPS, COROSYNC, API, DNS = 22, 3306, 5671, 5405, 1789, 53
# A server asks it at its first boot who it is.
METADATA = IPv4Network("169.254.169.254/32")
# Where the load balancer tells an engine's host what it thinks of the engine.
ENGINE_STATE = 8405
# From an engine's port to that of its agent, which HAProxy's agent-check asks.
AGENT_CHECK = 100


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
    engines = settings.policy_engines
    engine_ports = (engines.base_port, engines.base_port + engines.per_host - 1)
    agent_ports = (engine_ports[0] + AGENT_CHECK, engine_ports[1] + AGENT_CHECK)
    return (
        *(Rule(BASTION, "tcp", (SSH, SSH), cidr) for cidr in settings.access.ssh_cidrs),
        *(Rule(role, "tcp", (SSH, SSH), BASTION) for role in ROLES if role != BASTION),
        *(Rule(DATABASE, "tcp", (MYSQL, MYSQL), role) for role in (DATASOURCE_NODE, POLICY_ENGINE)),
        *(Rule(MESSAGING, "tcp", (AMQPS, AMQPS), role) for role in (DATASOURCE_NODE, POLICY_ENGINE)),
        Rule(DATASOURCE_NODE, "udp", (COROSYNC, COROSYNC), DATASOURCE_NODE),
        Rule(POLICY_ENGINE, "tcp", engine_ports, LOAD_BALANCER),
        Rule(POLICY_ENGINE, "tcp", agent_ports, LOAD_BALANCER),
        Rule(LOAD_BALANCER, "tcp", (ENGINE_STATE, ENGINE_STATE), POLICY_ENGINE),
        *(Rule(LOAD_BALANCER, "tcp", (API, API), cidr) for cidr in settings.access.api_cidrs),
    )


def ways_out(settings: Settings, table: Iterable[Rule]) -> Iterator[Rule]:
    """To the ranges of the settings by every protocol. Where they are not everywhere: also what `table` lets in at the
    other end, resolvers, and the metadata service.
    """
    ranges = settings.network.egress_cidrs
    for role in ROLES:
        for protocol in ALL:
            yield from (Rule(role, protocol, None, cidr, "egress") for cidr in ranges)
    if EVERYWHERE in ranges:
        return
    for rule in table:
        if isinstance(rule.peer, str):
            yield Rule(rule.peer, rule.protocol, rule.ports, rule.role, "egress")
    resolvers = [IPv4Network(server) for server in settings.network.dns_servers] or [settings.network.cidr]
    for role in ROLES:
        yield Rule(role, "tcp", (80, 80), METADATA, "egress")
        for protocol in RESOLUTION:
            yield from (Rule(role, protocol, (DNS, DNS), resolver, "egress") for resolver in resolvers)


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
            role: networking.SecGroup(
                role,
                name=f"{prefix}-{role}",
                description=f"{role} of {prefix}",
                delete_default_rules=True,
                opts=pulumi.ResourceOptions(parent=self, ignore_changes=["deleteDefaultRules"]),
            )
            for role in ROLES
        }
        made = [(rule, self._rule(rule, child)) for rule in table]
        self.ways_out = {
            role: [made_rule for rule, made_rule in made if (rule.role, rule.direction) == (role, "egress")]
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
