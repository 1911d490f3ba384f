"""The network of the hosts: a new one with a router to the external network, or an existing one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_openstack import networking

import settings
from components.preflight.cloud import Cloud


@dataclass(frozen=True)
class NetworkArgs:
    prefix: str
    settings: settings.Network
    cloud: Cloud


class Network(pulumi.ComponentResource):
    """`id` and `subnet_id`: for ports. `cidr`: of the subnet. `route`: resources that a floating IP waits for."""

    id: pulumi.Output[str]
    subnet_id: pulumi.Output[str]
    cidr: str
    route: Sequence[pulumi.Resource]

    def __init__(self, name: str, args: NetworkArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("congress-ha:index:Network", name, None, opts)
        if args.cloud.existing_network is not None:
            existing = args.cloud.existing_network
            self.id, self.subnet_id = (
                pulumi.Output.from_input(existing.id),
                pulumi.Output.from_input(existing.subnet_id),
            )
            self.cidr, self.route = existing.cidr, ()
        else:
            self._make(name, args)
        self.register_outputs({})

    def _make(self, name: str, args: NetworkArgs) -> None:
        child = pulumi.ResourceOptions(parent=self)
        self.network = networking.Network(name, name=args.prefix, mtu=args.settings.mtu, opts=child)
        self.subnet = networking.Subnet(
            f"{name}-subnet",
            name=args.prefix,
            network_id=self.network.id,
            cidr=str(args.settings.cidr),
            ip_version=4,
            dns_nameservers=[str(server) for server in args.settings.dns_servers],
            opts=child,
        )
        self.router = networking.Router(
            f"{name}-router", name=args.prefix, external_network_id=args.cloud.external_network_id, opts=child
        )
        self.router_interface = networking.RouterInterface(
            f"{name}-router-interface", router_id=self.router.id, subnet_id=self.subnet.id, opts=child
        )
        self.id, self.subnet_id, self.cidr = self.network.id, self.subnet.id, str(args.settings.cidr)
        self.route = (self.router_interface,)
