"""Settings of the hosts: flavors, packages, and the protection of the database's server."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, create_model

from roles import ROLES, Role
from settings.external import ExternalDatabase, ExternalLoadBalancer, ExternalMessaging
from settings.types import CertificateFile, Model, Name, Url


class DefaultFlavor(Model):
    default: Name = Field(description="flavor of every role not named here", examples=["m1.small"])


by_role: dict[str, Any] = {role.key: (Name | None, Field(None, examples=[role.flavor])) for role in ROLES}
FlavorsByRole: Any = create_model("FlavorsByRole", __base__=DefaultFlavor, **by_role)


class Flavors(FlavorsByRole):
    """Flavor per role; `default` is for roles without one."""

    def of(self, role: Role) -> str:
        name: str = getattr(self, role.key) or self.default
        return name

    def used(self) -> set[str]:
        return {name for name in self.model_dump().values() if name}


class Database(Model):
    hosts: Literal[1, 3] = Field(
        1,
        description="hosts of the database; 3 are one that takes writes and two with a copy, of which any one may fail",
        examples=[3],
    )
    protect: bool = Field(
        default=True,
        description="refuse to replace or destroy the database's server, which holds all policies and datasources",
        examples=[True],
    )
    external: ExternalDatabase | None = Field(
        None,
        description="a database that you have, in place of the stack's",
        examples=[{"host": "db.example.org"}],
    )


class LoadBalancer(Model):
    hosts: int = Field(
        1,
        ge=1,
        le=2,
        description="load balancers; 2 share a virtual address, which takes a cloud with allowed address pairs",
        examples=[2],
    )
    external: ExternalLoadBalancer | None = Field(
        None,
        description="a load balancer that you have, in place of the stack's",
        examples=[{"endpoint": "https://congress.example.org:1789"}],
    )


class Messaging(Model):
    hosts: Literal[1, 3] = Field(
        1,
        description="hosts of the message bus; 3 are a cluster, of which any one may fail",
        examples=[3],
    )
    external: ExternalMessaging | None = Field(
        None,
        description="a message bus that you have, in place of the stack's",
        examples=[{"hosts": [{"host": "mq1.example.org"}]}],
    )


class Guest(Model):
    """Packages of the hosts, on sites with their own mirrors, proxies or certificate authority."""

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
