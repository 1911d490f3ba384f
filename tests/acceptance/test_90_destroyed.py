"""`pulumi destroy` leaves nothing in the cloud."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest
from openstack.connection import Connection

from tests.acceptance.deployment import Deployment


def belongings(cloud: Connection) -> dict[str, set[str]]:
    """Everything of the deploying project that a stack could leave, by kind."""
    identity: Any = cloud.identity
    kinds: dict[str, Callable[[], Iterable[object]]] = {
        "servers": cloud.compute.servers,
        "server groups": cloud.compute.server_groups,
        "keypairs": cloud.compute.keypairs,
        "ports": cloud.network.ports,
        "networks": lambda: (n for n in cloud.network.networks() if not n.is_router_external),
        "subnets": lambda: cloud.network.subnets(project_id=cloud.current_project_id),
        "routers": cloud.network.routers,
        "floating IPs": cloud.network.ips,
        "security groups": lambda: (
            g
            for g in cloud.network.security_groups(project_id=cloud.current_project_id)
            if g.name != "default"
        ),
        "application credentials": lambda: identity.application_credentials(cloud.current_user_id),
        "access rules": lambda: identity.access_rules(cloud.current_user_id),
    }
    return {kind: {str(thing.name or thing.id) for thing in ask()} for kind, ask in kinds.items()}  # type: ignore[attr-defined]


@pytest.mark.timeout(700)
def test_destroy_leaves_nothing(deployment: Deployment, clouds: dict[str, Connection]) -> None:
    there = belongings(clouds["lab"])
    assert {f"congress-dev-{name}" for name in deployment.outputs["hosts"]} <= there["servers"]
    deployment.destroy()
    left = {kind: names for kind, names in belongings(clouds["lab"]).items() if names}
    assert left == {}
