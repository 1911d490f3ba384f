"""Where hosts may open connections to, with and without `network.egressCidrs`."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing

import pytest
from openstack.connection import Connection

from tests.acceptance.support.deployment import Deployment

pytestmark = [pytest.mark.full, pytest.mark.timeout(600)]

# An option for one key of an object replaces the whole object.
LIMITED = ("network.externalNetwork=public", "network.egressCidrs[0]=10.233.0.0/16")


@pytest.fixture
def outside() -> Iterator[tuple[str, int]]:
    """A listener on this machine, at an address outside the lab."""
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as asking:
        asking.connect(("192.0.2.1", 9))  # sends nothing
        address = str(asking.getsockname()[0])
    assert not address.startswith("10.233.")
    with socket.create_server((address, 0)) as server:
        yield address, server.getsockname()[1]


def reached(deployment: Deployment, target: tuple[str, int]) -> set[str]:
    """Hosts that can connect to an address and port; a security group's silence runs into the timeout."""
    host, port = target
    ask = f"timeout 4 bash -c ': < /dev/tcp/{host}/{port}' 2> /dev/null && echo in || echo out"
    return {name for name in deployment.outputs["hosts"] if deployment.on(name, ask) == "in"}


def test_hosts_open_connections_where_they_may_and_nowhere_else(
    deployment: Deployment, clouds: dict[str, Connection], outside: tuple[str, int]
) -> None:
    keystone = clouds["lab"].config.get_auth_args()["auth_url"].split("/")[2].split(":")
    inside, everyone = (keystone[0], int(keystone[1])), set(deployment.outputs["hosts"])
    assert reached(deployment, outside) == reached(deployment, inside) == everyone
    deployment.up(*LIMITED)
    assert reached(deployment, outside) == set()
    assert reached(deployment, inside) == everyone
    deployment.well(30)
    deployment.up()
    assert reached(deployment, outside) == everyone
