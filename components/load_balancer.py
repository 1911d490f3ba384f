"""Step 5 of the document: "A load-balancer should be used to distribute incoming API requests", HAProxy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pulumi

from components.foundation.authority import Authority, Certificate
from components.foundation.host import Host, Site
from components.foundation.role_hosts import hosts_of, virtual_port
from components.foundation.step import Step
from components.policy_engines import PolicyEngines
from roles import API, ENGINE_STATE, LOAD_BALANCER, STICKY_CLIENTS
from settings import Tls


class LoadBalancer(pulumi.ComponentResource):
    """`endpoint`: URL of the Congress API. `ready`: the last step, which has got an answer through HAProxy.

    One of two hosts holds the virtual address, a port of its own with the floating IP. keepalived decides which one.
    `ca_certificate`: PEM of the stack's authority if it signed the endpoint's certificate, else "".
    """

    hosts: tuple[Host, ...]
    endpoint: pulumi.Output[str]
    address: pulumi.Output[str]
    virtual_address: pulumi.Output[str] | None
    ca_certificate: pulumi.Output[str]
    ready: Sequence[Step]

    def __init__(
        self,
        name: str,
        site: Site,
        engines: PolicyEngines,
        authority: Authority,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("congress-ha:index:LoadBalancer", name, None, opts)
        shared = virtual_port(LOAD_BALANCER, site, pulumi.ResourceOptions(parent=self))
        self.virtual_address = None
        if shared is not None:
            self.virtual_address = shared.all_fixed_ips.apply(lambda addresses: addresses[0])
        self.hosts = hosts_of(
            LOAD_BALANCER,
            site,
            address_pairs=[self.virtual_address] if self.virtual_address else [],
            opts=pulumi.ResourceOptions(parent=self),
        )
        packages = [self._packages(host) for host in self.hosts]
        keepalived = [
            self._keepalived(host, after) for host, after in zip(self.hosts, packages, strict=True) if shared
        ]
        # After keepalived: while a stack grows to two hosts, the floating IP stays on the first host until then.
        floating = self.hosts[0].floating_ip(site, shared or self.hosts[0].port, keepalived)
        self.address = floating.address
        tls = site.settings.tls
        reached_at = tls.endpoint_name or self.address
        certificate = self._certificate(site, authority)
        haproxy: list[Step] = []
        # The second host first: its step makes it the standby, so a new configuration reaches the standby first.
        for host, package in reversed(list(zip(self.hosts, packages, strict=True))):
            context = {
                **self._context(host),
                "servers": servers(engines),
                "state_port": ENGINE_STATE,
                "reached_at": reached_at,
                "identity": certificate.identity,
                "steps_aside": host is not self.hosts[0],
            }
            step = Step(
                f"{host.name}-haproxy",
                host,
                "load_balancer/haproxy.sh.j2",
                context,
                parent=self,
                # Its last gate is the virtual address, which keepalived gives to one of the two.
                after=[package, *keepalived, *engines.steps, *haproxy],
                limit=300,
            )
            haproxy.append(step)
        self.ready = haproxy[-1:]
        self.endpoint = pulumi.Output.concat("https://", reached_at, f":{API}")
        self.register_outputs({"endpoint": self.endpoint})

    def _packages(self, host: Host) -> Step:
        packages = {"packages": sorted(LOAD_BALANCER.packages)}
        return Step(f"{host.name}-packages", host, "congress_host/packages.sh.j2", packages, parent=self)

    def _context(self, host: Host) -> dict[str, Any]:
        """Values for the templates of both HAProxy and keepalived."""
        members: Sequence[Host] = self.hosts if self.virtual_address is not None else ()
        # A single load balancer transfers its stick table to its own next process only.
        peers = [{"name": one.name, "address": one.address} for one in members] or [
            {"name": host.name, "address": "127.0.0.1"}
        ]
        return {
            "name": host.name,
            "address": host.address,
            "port": API,
            "virtual_address": self.virtual_address or "",
            "peers": peers,
            "peer_port": STICKY_CLIENTS,
        }

    def _keepalived(self, host: Host, after: Step) -> Step:
        (other,) = (one for one in self.hosts if one is not host)
        return Step(
            f"{host.name}-keepalived",
            host,
            "load_balancer/keepalived.sh.j2",
            {**self._context(host), "other": {"name": other.name, "address": other.address}},
            parent=self,
            after=[after],
            limit=300,
        )

    def _certificate(self, site: Site, authority: Authority) -> Certificate:
        tls = site.settings.tls
        given = given_certificate(tls)
        self.ca_certificate = authority.certificate if given is None else pulumi.Output.from_input("")
        return given or authority.sign(
            "endpoint",
            f"Congress of {site.prefix}",
            names=[tls.endpoint_name] if tls.endpoint_name else [],
            # The fixed addresses are for clients in the cloud that do not use the floating one.
            addresses=[
                self.address,
                *([self.virtual_address] if self.virtual_address is not None else []),
                *(host.address for host in self.hosts),
            ],
        )


def servers(engines: PolicyEngines) -> list[dict[str, Any]]:
    """The engines for HAProxy. Their ids are the same on every load balancer, because the stick table contains them."""
    return [
        {
            "id": index,
            "node_id": placement.node_id,
            "address": engines.hosts[placement.host].host.address,
            "port": placement.port,
            "agent_port": placement.agent_port,
        }
        for index, placement in enumerate(engines.placements, 1)
    ]


def given_certificate(tls: Tls) -> Certificate | None:
    """The certificate in the settings, None without one."""
    if tls.certificate is None or tls.private_key is None:
        return None
    return Certificate(
        pulumi.Output.from_input(f"{tls.certificate.strip()}\n"),
        pulumi.Output.secret(f"{tls.private_key.get_secret_value().strip()}\n"),
    )
