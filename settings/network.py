"""Settings of the network, and of the address ranges that may reach the stack."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network

from pydantic import Field, field_validator

from settings.types import Cidrs, HostsCidr, Model, Name, Resolver

EVERYWHERE = IPv4Network("0.0.0.0/0")


class ExistingNetwork(Model):
    network: Name = Field(description="name of a network of the project", examples=["private"])
    subnet: Name = Field(
        description="name of its subnet of IPv4 addresses, routed to the external network",
        examples=["private"],
    )


class Network(Model):
    external_network: Name = Field(description="network that floating IPs come from", examples=["public"])
    cidr: HostsCidr = Field(
        IPv4Network("10.20.0.0/24"),
        description="addresses of the stack's own network",
        examples=["10.20.0.0/24"],
    )
    existing: ExistingNetwork | None = Field(
        None,
        description="use this network in place of an own one",
        examples=[{"network": "n", "subnet": "s"}],
    )
    dns_servers: tuple[Resolver, ...] = Field(
        (), description="resolvers of the hosts", examples=[["192.0.2.53"]]
    )

    @field_validator("dns_servers")
    @classmethod
    def _once(cls, value: tuple[IPv4Address, ...]) -> tuple[IPv4Address, ...]:
        for server in value:
            if value.count(server) > 1:
                raise ValueError(f"{server} is listed twice; list each resolver once")
        return value

    mtu: int | None = Field(
        None, ge=576, le=9216, description="MTU of the own network, in bytes", examples=[1450]
    )
    egress_cidrs: Cidrs = Field(
        (EVERYWHERE,),
        description="ranges outside that hosts may open connections to",
        examples=[["192.0.2.0/24"]],
    )


class Access(Model):
    """Who may reach the two public addresses. There is no default: access must be granted explicitly."""

    ssh_cidrs: Cidrs = Field(
        description="ranges that may reach the bastion by SSH", examples=[["192.0.2.0/24"]]
    )
    api_cidrs: Cidrs = Field(
        description="ranges that may reach the Congress API", examples=[["192.0.2.0/24"]]
    )
