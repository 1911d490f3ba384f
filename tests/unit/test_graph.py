"""Type, name and parent of every resource that deployed stacks have, for each kind of stack.

For Pulumi, another name, type or parent is another resource: it deletes the first (the server with the data, or the key
for every host) and creates the second. So the lists in __snapshots__ may grow, and a line may only go on purpose.
"""

from __future__ import annotations

from typing import Any

import pytest
from syrupy.assertion import SnapshotAssertion

from components.preflight.cloud import Cloud, ExistingNetwork
from tests.support.deployer import LOGIN, SCOPE
from tests.unit.support import recording as recorded
from tests.unit.support.graph import graph

EXISTING = Cloud(
    "image-id",
    "image plain",
    {"small": "flavor-small"},
    "external-id",
    SCOPE,
    ExistingNetwork("net", "sub", "10.99.0.0/24"),
    LOGIN,
)
STACKS: dict[str, tuple[dict[str, Any], Cloud]] = {
    "smallest": ({}, recorded.CLOUD),
    "keystone": ({"auth": "keystone", "keystone": {"administrator": "admin"}}, recorded.WITH_KEYSTONE),
    "large": (
        {
            "policyEngines": {"count": 5, "perHost": 2},
            "rotation": {"database": 2, "messaging": 3, "certificates": 2, "ssh": 2},
        },
        recorded.CLOUD,
    ),
    "two load balancers": ({"loadBalancer": {"hosts": 2}}, recorded.CLOUD),
    "limited": (
        {
            "network": {
                "externalNetwork": "public",
                "dnsServers": ["192.0.2.53"],
                "egressCidrs": ["203.0.113.0/24"],
                "existing": {"network": "n", "subnet": "s"},
            }
        },
        EXISTING,
    ),
}


@pytest.mark.parametrize("stack", STACKS)
def test_no_resource_of_a_deployed_stack_has_another_name_type_or_parent(
    stack: str, snapshot: SnapshotAssertion
) -> None:
    changes, cloud = STACKS[stack]
    assert graph(recorded.run(recorded.settings_with(**changes), cloud)) == snapshot
