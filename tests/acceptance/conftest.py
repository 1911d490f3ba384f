"""The tests here share one deployment on the lab and run in the order of their files and lines.

They end by destroying stack `dev`; `make acceptance` is for machines whose lab carries nothing else.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import openstack
import pytest
from openstack.connection import Connection

from tests.acceptance.deployment import Deployment

LAB_STATE = Path(os.environ.get("LAB_STATE", "/var/lib/congress-lab"))


@pytest.fixture(scope="session")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    """The stack after a first `pulumi up`."""
    deployment = Deployment(tmp_path_factory.mktemp("ssh"))
    deployment.up()
    return deployment


@pytest.fixture(scope="session")
def clouds() -> Iterator[dict[str, Connection]]:
    """The lab's cloud as the deploying user (`lab`) and as its administrator (`lab-admin`)."""
    os.environ["OS_CLIENT_CONFIG_FILE"] = str(LAB_STATE / "clouds.yaml")
    connections = {name: openstack.connect(cloud=name) for name in ("lab", "lab-admin")}
    yield connections
    for connection in connections.values():
        connection.close()
