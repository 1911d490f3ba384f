"""All settings of a stack, and the checks that concern several sections."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, Self

from pydantic import Field, model_validator

from roles import ROLES
from settings import external
from settings.hosts import Database, Flavors, Guest, LoadBalancer, Messaging
from settings.keystone import Keystone
from settings.network import EVERYWHERE, Access, Network
from settings.nodes import DatasourceNode, PolicyEngines
from settings.policies import Folder, PolicySecrets
from settings.rotation import Rotation
from settings.tls import Tls
from settings.types import Model, Name


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
    policies: Folder | None = Field(
        None,
        description="folder with the stack's policies and datasources, from the folder of the program; empty: none",
        examples=["policies/prod"],
    )
    policy_secrets: PolicySecrets = Field(
        PolicySecrets({}),
        description="values of the secrets that files of datasources name: pulumi config set --secret --path "
        "'congress-ha:policySecrets.NAME'",
    )
    policy_actions: Literal["simulated", "unchecked"] = Field(
        "simulated",
        description="simulated: `up` applies new or changed policies that execute actions only after congress-ha "
        "policy simulate; unchecked: always",
        examples=["unchecked"],
    )
    database: Database = Field(Database(), description="the database", examples=[{"protect": True}])
    messaging: Messaging = Field(
        Messaging(), description="the message bus, one host or a cluster", examples=[{"hosts": 3}]
    )
    load_balancer: LoadBalancer = Field(
        LoadBalancer(), description="the load balancer, or a pair of them", examples=[{"hosts": 2}]
    )
    rotation: Rotation = Field(Rotation(), description="generations of secrets", examples=[{"database": 2}])
    guest: Guest = Field(Guest(), description="packages of the hosts", examples=[{"caFiles": []}])

    def _unfenced(self) -> Iterator[str]:
        if self.database.hosts > 1 and self.datasource_node.fencing != "openstack":
            yield (
                "database.hosts: 3 takes datasourceNode.fencing: openstack, because a host of the database that is "
                "lost must be stopped before another one takes its place; set it, or database.hosts to 1"
            )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        problems: list[str] = [*external.without_meaning(self), *self._unfenced()]
        if self.auth == "noauth" and self.keystone != Keystone():
            problems.append(
                "keystone is for auth: keystone; remove it, because with noauth the API authenticates nobody"
            )
        if self.rotation.keystone != 1 and (self.auth == "noauth" or self.keystone.login is not None):
            problems.append(
                "rotation.keystone is for the user that the stack makes (auth: keystone, no keystone.login); "
                "remove it"
            )
        if self.policies is None and self.policy_secrets.root:
            problems.append("policySecrets are for the datasources of policies: set policies, or remove them")
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
            hosts = sum(role.count(self) for role in ROLES)
            virtual = sum(role.shares_an_address(self) for role in ROLES)
            if self.network.cidr.num_addresses < hosts + virtual + 8:
                problems.append(
                    f"network.cidr: {self.network.cidr} is too small for {hosts} hosts; use a /24"
                )
        if problems:
            raise ValueError("; ".join(problems))
        return self
