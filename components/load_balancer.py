"""Step 5 of the document: "A load-balancer should be used to distribute incoming API requests", HAProxy."""

from __future__ import annotations

import pulumi

from components.foundation.authority import Authority, Certificate
from components.foundation.host import Host, Site
from components.foundation.step import Step
from components.policy_engines import PolicyEngines
from roles import API, ENGINE_STATE, LOAD_BALANCER
from settings import Tls


class LoadBalancer(pulumi.ComponentResource):
    """`endpoint`: URL of the Congress API. `ready`: the step that has got an answer through HAProxy.

    `ca_certificate`: PEM of the stack's authority if it signed the endpoint's certificate, else "".
    """

    host: Host
    endpoint: pulumi.Output[str]
    address: pulumi.Output[str]
    ca_certificate: pulumi.Output[str]
    ready: Step

    def __init__(
        self,
        name: str,
        site: Site,
        engines: PolicyEngines,
        authority: Authority,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("congress-ha:index:LoadBalancer", name, None, opts)
        self.host = Host(name, LOAD_BALANCER, site, public=True, opts=pulumi.ResourceOptions(parent=self))
        package = Step(
            f"{name}-packages",
            self.host,
            "congress_host/packages.sh.j2",
            {"packages": sorted(LOAD_BALANCER.packages)},
            parent=self,
        )
        self.address = self.host.public_address or self.host.address
        tls = site.settings.tls
        reached_at = tls.endpoint_name or self.address
        given = given_certificate(tls)
        self.ca_certificate = authority.certificate if given is None else pulumi.Output.from_input("")
        certificate = given or authority.sign(
            "endpoint",
            f"Congress of {site.prefix}",
            names=[tls.endpoint_name] if tls.endpoint_name else [],
            # The fixed address is for clients in the cloud that do not use the floating one.
            addresses=[self.address, self.host.address],
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
            {
                "servers": servers,
                "address": self.host.address,
                "port": API,
                "state_port": ENGINE_STATE,
                "reached_at": reached_at,
                "identity": certificate.identity,
            },
            parent=self,
            after=[package, *engines.steps],
            limit=300,
        )
        self.endpoint = pulumi.Output.concat("https://", reached_at, f":{API}")
        self.register_outputs({"endpoint": self.endpoint})


def given_certificate(tls: Tls) -> Certificate | None:
    """The certificate in the settings, None without one."""
    if tls.certificate is None or tls.private_key is None:
        return None
    return Certificate(
        pulumi.Output.from_input(f"{tls.certificate.strip()}\n"),
        pulumi.Output.secret(f"{tls.private_key.get_secret_value().strip()}\n"),
    )
