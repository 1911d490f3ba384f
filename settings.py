"""The whole configuration of a stack, read once from Pulumi's config and validated at the edge.

`load()` returns one frozen `Settings`; components take what they need from it and never read `pulumi.Config`.
Keys are camelCase in the namespace `congress-ha`; Pulumi.prod.yaml is their manual.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv4Network
from typing import Any, Literal, Self

from pulumi.runtime import config
from pydantic import Field, ValidationError, field_validator, model_validator

from settings_errors import SettingsError, describe, models_in
from settings_keystone import Keystone
from settings_nodes import DatasourceNode, PolicyEngines
from settings_rotation import Rotation
from settings_tls import Tls
from settings_types import CertificateFile, Cidrs, HostsCidr, Model, Name, Resolver, Url

NAMESPACE = "congress-ha"
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
                raise ValueError(f"{server} stands there twice; name each once")
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
    """Who may reach the two public addresses. There is no default: an open door has to be written down."""

    ssh_cidrs: Cidrs = Field(
        description="ranges that may reach the bastion by SSH", examples=[["192.0.2.0/24"]]
    )
    api_cidrs: Cidrs = Field(
        description="ranges that may reach the Congress API", examples=[["192.0.2.0/24"]]
    )


class Flavors(Model):
    """Flavor per role; what is not named takes `default`."""

    default: Name = Field(description="flavor of every role not named here", examples=["m1.small"])
    bastion: Name | None = Field(None, examples=["m1.tiny"])
    database: Name | None = Field(None, examples=["m1.medium"])
    messaging: Name | None = Field(None, examples=["m1.medium"])
    datasource_node: Name | None = Field(None, examples=["m1.small"])
    policy_engine: Name | None = Field(None, examples=["m1.medium"])
    load_balancer: Name | None = Field(None, examples=["m1.small"])

    def of(self, role: str) -> str:
        """Flavor's name for a role such as `policy-engine`."""
        name: str | None = getattr(self, role.replace("-", "_"))
        return name or self.default

    def used(self) -> set[str]:
        return {name for name in self.model_dump().values() if name}


class Database(Model):
    protect: bool = Field(
        default=True,
        description="refuse to replace or destroy the database's server, which holds all policies and datasources",
        examples=[True],
    )


class Guest(Model):
    """Packages of the hosts, on sites that have mirrors, proxies or an authority of their own."""

    ca_files: tuple[CertificateFile, ...] = Field(
        (), description="PEM files that the hosts shall trust", examples=[["/etc/ssl/site-ca.pem"]]
    )
    apt_mirror: Url | None = Field(
        None, description="Debian mirror", examples=["http://mirror.example/debian"]
    )
    apt_security_mirror: Url | None = Field(
        None,
        description="mirror of Debian's security updates",
        examples=["http://mirror.example/debian-security"],
    )
    apt_proxy: Url | None = Field(None, description="proxy for apt", examples=["http://proxy.example:3128"])
    pip_index_url: Url | None = Field(
        None, description="Python package index", examples=["https://pypi.example/simple"]
    )
    pip_extra_index_url: Url | None = Field(
        None, description="second index", examples=["https://pypi.example/more"]
    )
    pip_proxy: Url | None = Field(
        None, description="proxy for the index", examples=["http://proxy.example:3128"]
    )
    security_upgrades: bool = Field(
        default=True,
        description="hosts install Debian's security updates by themselves, but for those of the stack's services",
        examples=[True],
    )


class Settings(Model):
    image: Name = Field(description="Debian 12 image with cloud-init", examples=["debian-12"])
    flavors: Flavors = Field(description="flavors of the hosts", examples=[{"default": "m1.small"}])
    network: Network = Field(description="the network", examples=[{"externalNetwork": "public"}])
    access: Access = Field(
        description="who may reach SSH and API",
        examples=[{"sshCidrs": ["192.0.2.0/24"], "apiCidrs": ["192.0.2.0/24"]}],
    )
    auth: Literal["noauth", "keystone"] = Field(
        description="how the API authenticates; keystone: by the cloud's tokens, admins alone; "
        "noauth: everyone in access.apiCidrs may do everything",
        examples=["keystone"],
    )
    keystone: Keystone = Field(
        Keystone(),
        description="for auth: keystone",
        examples=[{"administrator": "mycloud-admin"}],
    )
    tls: Tls = Field(
        Tls(), description="HTTPS at the endpoint", examples=[{"endpointName": "congress.example.org"}]
    )
    anti_affinity: Literal["hard", "soft"] = Field(
        "hard",
        description="hard: the hosts of a role stand on different compute hosts or are not made; soft: where possible",
        examples=["soft"],
    )
    policy_engines: PolicyEngines = Field(
        PolicyEngines(), description="the policy engines", examples=[{"count": 2}]
    )
    datasource_node: DatasourceNode = Field(
        DatasourceNode(), description="the datasource node", examples=[{"monitorInterval": "30s"}]
    )
    database: Database = Field(Database(), description="the database", examples=[{"protect": True}])
    rotation: Rotation = Field(Rotation(), description="generations of secrets", examples=[{"database": 2}])
    guest: Guest = Field(Guest(), description="packages of the hosts", examples=[{"caFiles": []}])

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        problems: list[str] = []
        if self.auth == "noauth" and self.keystone != Keystone():
            problems.append(
                "keystone is for auth: keystone; remove it, for with noauth nobody is asked who he is"
            )
        if self.rotation.keystone != 1 and (self.auth == "noauth" or self.keystone.login is not None):
            problems.append(
                "rotation.keystone is for the user that the stack makes (auth: keystone, no keystone.login); "
                "remove it"
            )
        if self.auth == "noauth" and EVERYWHERE in self.access.api_cidrs:
            problems.append(
                "auth: noauth with access.apiCidrs 0.0.0.0/0 lets everybody in; name the ranges of your users, or set "
                "auth: keystone"
            )
        if (
            self.network.existing is not None
            and EVERYWHERE not in self.network.egress_cidrs
            and not self.network.dns_servers
        ):
            problems.append(
                "network.egressCidrs: nothing tells which resolvers the existing network has; name them in "
                "network.dnsServers, so that hosts may ask them"
            )
        if self.network.existing is None:
            for key, cidrs in (("sshCidrs", self.access.ssh_cidrs), ("apiCidrs", self.access.api_cidrs)):
                problems += [
                    f"access.{key}: {cidr} overlaps network.cidr {self.network.cidr}, which is for the hosts alone"
                    for cidr in cidrs
                    if cidr != EVERYWHERE and cidr.overlaps(self.network.cidr)
                ]
            hosts = 6 + self.policy_engines.hosts
            if self.network.cidr.num_addresses < hosts + 8:
                problems.append(
                    f"network.cidr: {self.network.cidr} is too small for {hosts} hosts; use a /24"
                )
        if problems:
            raise ValueError("; ".join(problems))
        return self


def parse(values: Mapping[str, str]) -> Settings:
    """Validate a stack's raw config: key without namespace -> text as Pulumi hands it over (JSON for objects).

    Raises SettingsError with every problem at once.
    """
    raw: dict[str, Any] = {}
    for key, text in values.items():
        try:
            raw[key] = json.loads(text) if key in STRUCTURED else text
        except json.JSONDecodeError:
            raw[key] = text  # refused below, like any other value of a wrong type
    try:
        return Settings.model_validate_json(json.dumps(raw))
    except ValidationError as error:
        raise SettingsError(describe(error, Settings, NAMESPACE)) from None


STRUCTURED = {field.alias for field in Settings.model_fields.values() if models_in(field.annotation)}


def load() -> Settings:
    """Settings of the stack that the engine runs this program for."""
    prefix = f"{NAMESPACE}:"
    # pulumi.Config answers only for keys one asks for; unknown keys show in the whole map alone.
    everything = {**config.get_config_env(), **config.CONFIG.get()}
    return parse(
        {key.removeprefix(prefix): text for key, text in everything.items() if key.startswith(prefix)}
    )
