"""The hosts of a stack, by its settings, and the stack's outputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi

from components.datasource_node import DatasourceNode
from components.external_load_balancer import ExternalLoadBalancer
from components.foundation.access import Access
from components.foundation.host import Host
from components.load_balancer import LoadBalancer
from components.policies import Policies
from components.policy_engines import PolicyEngines
from components.preflight import scope
from roles import ROLES, Role
from settings import Settings


def roles(settings: Settings) -> dict[str, Role]:
    """Host name -> role, for every host of the stack."""
    return {name: role for role in ROLES for name in role.hosts(settings)}


def servers(prefix: str, settings: Settings) -> dict[str, str]:
    """Server name -> flavor name, for the quota check."""
    return {f"{prefix}-{name}": settings.flavors.of(role) for name, role in roles(settings).items()}


def export(
    access: Access,
    hosts: Mapping[str, Host],
    datasource_node: DatasourceNode,
    engines: PolicyEngines,
    load_balancer: LoadBalancer | ExternalLoadBalancer,
    *,
    policies: Policies | None,
    external: Mapping[str, str],
) -> None:
    """Export the stack's outputs, which docs/install.md lists. The endpoint is known after it has answered.

    `external`: name of each role whose service is not the stack's -> where it is.
    """
    answered = [step.id for step in load_balancer.ready]
    outputs: dict[str, Any] = {
        "endpoint": pulumi.Output.all(load_balancer.endpoint, *answered).apply(lambda values: values[0]),
        "ca_certificate": load_balancer.ca_certificate,
        "auth": access.site.settings.auth,
        scope.OUTPUT: access.site.cloud.scope.as_output(),
        "hosts": {name: {"address": host.address, "roles": [host.role.name]} for name, host in hosts.items()},
        "policy_engines": [
            {
                "node_id": placement.node_id,
                "host": placement.host,
                "address": engines.hosts[placement.host].host.address,
                "port": placement.port,
            }
            for placement in engines.placements
        ],
        "datasource_node": {
            "node_id": datasource_node.node_id,
            "hosts": [congress.host.name for congress in datasource_node.hosts],
        },
        "bastion": access.bastion.public_address,
        "ssh_config": access.ssh_config(hosts),
        "ssh_known_hosts": access.known_hosts(hosts),
        "ssh_private_key": pulumi.Output.secret(access.key.private_key_openssh),
    }
    if isinstance(load_balancer, ExternalLoadBalancer):
        outputs["load_balancer"] = load_balancer.duties
    else:
        outputs["endpoint_address"] = load_balancer.address
    if external:
        outputs["external"] = dict(external)
    if load_balancer.virtual_address is not None:
        outputs["virtual_address"] = load_balancer.virtual_address
    if policies is not None:
        outputs["policies"] = policies.summary
    for name, value in outputs.items():
        pulumi.export(name, value)
