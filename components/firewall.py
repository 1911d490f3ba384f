"""Who may open a connection to whom: one table, one security group per role, nothing else is open."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Literal

import pulumi
from pulumi_openstack import networking

from settings import Settings

BASTION = "bastion"
DATABASE = "database"
MESSAGING = "messaging"
DATASOURCE_NODE = "datasource-node"
POLICY_ENGINE = "policy-engine"
LOAD_BALANCER = "load-balancer"
ROLES = (BASTION, DATABASE, MESSAGING, DATASOURCE_NODE, POLICY_ENGINE, LOAD_BALANCER)

SSH, MYSQL, AMQPS, COROSYNC, API = 22, 3306, 5671, 5405, 1789
# Where the load balancer tells an engine's host what it thinks of the engine.
ENGINE_STATE = 8405
# From an engine's port to that of its agent, which HAProxy's agent-check asks.
AGENT_CHECK = 100


@dataclass(frozen=True)
class Rule:
    """Hosts of `role` accept `protocol` on `ports` (first, last) from `source`: a role or a range outside."""

    role: str
    protocol: Literal["tcp", "udp"]
    ports: tuple[int, int]
    source: str | IPv4Network

    @property
    def name(self) -> str:
        source = str(self.source).replace("/", "-")
        return f"{self.role}-{self.protocol}-{self.ports[0]}-from-{source}"


def rules(settings: Settings) -> tuple[Rule, ...]:
    """The whole firewall of a stack."""
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


class Firewall(pulumi.ComponentResource):
    """A security group per role, and the table's rules as resources of their own.

    Rules inside a group or groups on an instance are known to hang at a change
    (terraform-provider-openstack#408, #1097), so groups go on ports and rules stand alone.
    """

    groups: Mapping[str, networking.SecGroup]

    def __init__(
        self, name: str, prefix: str, table: Iterable[Rule], opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("congress-ha:index:Firewall", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        self.groups = {
            role: networking.SecGroup(
                role, name=f"{prefix}-{role}", description=f"{role} of {prefix}", opts=child
            )
            for role in ROLES
        }
        self.rules = [self._rule(rule, child) for rule in table]
        self.register_outputs({})

    def _rule(self, rule: Rule, child: pulumi.ResourceOptions) -> networking.SecGroupRule:
        inside = isinstance(rule.source, str)
        return networking.SecGroupRule(
            rule.name,
            security_group_id=self.groups[rule.role].id,
            direction="ingress",
            ethertype="IPv4",
            protocol=rule.protocol,
            port_range_min=rule.ports[0],
            port_range_max=rule.ports[1],
            remote_group_id=self.groups[rule.source].id if isinstance(rule.source, str) else None,
            remote_ip_prefix=None if inside else str(rule.source),
            opts=child,
        )
