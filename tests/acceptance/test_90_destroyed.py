"""`pulumi destroy` leaves nothing in the cloud, even if it was interrupted and no host answers."""

from __future__ import annotations

import pytest
from openstack.connection import Connection

from tests.acceptance.support.deployment import UNASKED, Deployment
from tests.acceptance.support.disruptions import DISRUPTIONS, Run
from tests.acceptance.support.inventory import inventory
from tests.support.waiting import wait_for

# On the lab `destroy` takes 25 s; its servers are deleted after the first five.
HALF_WAY = 10.0


@pytest.mark.timeout(700)
def test_destroy_leaves_nothing(deployment: Deployment, clouds: dict[str, Connection]) -> None:
    cloud = clouds["lab"]
    servers = inventory(cloud)["servers"]
    assert {f"congress-dev-{name} ACTIVE" for name in deployment.outputs["hosts"]} <= servers.keys()
    power_off(cloud, "congress-dev-bastion")
    with Run.started(deployment.folder / "interrupted.log", "destroy", *UNASKED) as running:
        running.last(HALF_WAY)
        DISRUPTIONS["engine killed"](running, cloud, "")
        assert running.wait() != 0, running.text()
        assert inventory(cloud) != {}
        deployment.destroy()
    assert inventory(cloud) == {}


def power_off(cloud: Connection, name: str) -> None:
    """Delete the bastion, so that SSH reaches no host at all."""
    (server,) = cloud.compute.servers(name=f"^{name}$")
    cloud.compute.stop_server(server)
    wait_for(f"{name} is off", 90, lambda: cloud.compute.get_server(server).status == "SHUTOFF")
