"""Step 5 of the document: "A load-balancer should be used to distribute incoming API requests", HAProxy."""

from __future__ import annotations

import pulumi

from components.firewall import API, ENGINE_STATE, LOAD_BALANCER
from components.host import Host, Site
from components.policy_engines import PolicyEngines
from components.step import Step


class LoadBalancer(pulumi.ComponentResource):
    """`endpoint` is the URL of the Congress API; `ready` got an answer through HAProxy."""

    host: Host
    endpoint: pulumi.Output[str]
    ready: Step

    def __init__(
        self, name: str, site: Site, engines: PolicyEngines, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("congress-ha:index:LoadBalancer", name, None, opts)
        self.host = Host(name, LOAD_BALANCER, site, public=True, opts=pulumi.ResourceOptions(parent=self))
        package = Step(
            f"{name}-packages",
            self.host,
            "congress_host/packages.sh.j2",
            {"packages": ["curl", "haproxy", "socat"]},
            parent=self,
        )
        servers = [
            {
                "id": index,
                "node_id": placement.node_id,
                "address": engines.hosts[placement.host].host.address,
                "port": placement.port,
                "agent_port": placement.agent_port,
            }
            for index, placement in enumerate(engines.placements, 1)
        ]
        self.ready = Step(
            f"{name}-haproxy",
            self.host,
            "load_balancer/haproxy.sh.j2",
            {"servers": servers, "address": self.host.address, "port": API, "state_port": ENGINE_STATE},
            parent=self,
            after=[package, *engines.steps],
            limit=300,
        )
        self.endpoint = pulumi.Output.concat(
            "http://", self.host.public_address or self.host.address, f":{API}"
        )
        self.register_outputs({"endpoint": self.endpoint})
