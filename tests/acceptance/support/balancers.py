"""The two load balancers: which one holds the endpoint's address."""

from __future__ import annotations

from openstack.connection import Connection

from tests.acceptance.support.deployment import Deployment
from tests.acceptance.support.guests import Server, init_of


class Balancers:
    def __init__(self, deployment: Deployment, admin: Connection) -> None:
        self.deployment = deployment
        self.servers = Server.of_role("load-balancer", deployment, admin)

    def holders(self) -> list[Server]:
        running = [server for server in self.servers if init_of(server.name)]
        return [one for one in running if one.run("congress-endpoint holds && echo yes || true").strip()]

    @property
    def holder(self) -> Server:
        (found,) = self.holders()
        return found

    @property
    def standby(self) -> Server:
        (found,) = (server for server in self.servers if server.name != self.holder.name)
        return found

    def audit(self) -> None:
        """Assert that both work, and that one of them holds the address."""
        self.deployment.well(180)
        self.one_holder()

    def one_holder(self) -> None:
        assert len(self.holders()) == 1, [server.name for server in self.holders()]
