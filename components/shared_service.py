"""Step 1 of the document: "Deploy messaging and database infrastructure to be shared by all the Congress nodes".

The common part of database and messaging.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import pulumi
import pulumi_random as random

from components.foundation.authority import CA_FILE, Authority, Certificate
from components.foundation.host import Host, Site
from components.foundation.role_hosts import hosts_of
from components.foundation.step import Step
from roles import Role
from settings import of_generation


class SharedService(pulumi.ComponentResource):
    """A server to which all Congress nodes log in by TLS, on one host or on several that are a cluster.

    `generation`: of its user and password (see rotation). `software`: name of its steps and of their template, in the
    folder of the role; `context`: its further values. `members`: hosts of the cluster, empty with one host. `ready`:
    the last of those steps, which has seen `user` log in. Each certificate has the server's address, because hosts have
    no names for each other; the port keeps the address when the server is replaced.
    """

    hosts: tuple[Host, ...]
    members: tuple[Host, ...]
    user: str
    ready: Step
    # The stack's own authority signs its certificate.
    ca_file = CA_FILE
    authorities: Mapping[str, str] = MappingProxyType({})

    def __init__(
        self,
        type_: str,
        name: str,
        role: Role,
        site: Site,
        authority: Authority,
        *,
        software: str,
        generation: int,
        context: Callable[[pulumi.ResourceOptions], Mapping[str, Any]],
        protect: bool = False,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(type_, name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        self.hosts = hosts_of(role, site, protect=protect, opts=child)
        self.members = self.hosts if len(self.hosts) > 1 else ()
        self.user = of_generation("congress", generation)
        self.password = random.RandomPassword(
            of_generation(f"{name}-password", generation), length=32, special=False, opts=child
        )
        login = {
            "user": self.user,
            "password": self.password.result,
            "authority": authority.certificate,
            "ca_file": CA_FILE,
            "members": [host.address for host in self.members],
        }
        more = context(child)
        # The members install at the same time. A single host installs in its only step.
        packages = {"packages": sorted(role.packages)}
        installed = [
            Step(f"{host.name}-packages", host, "congress_host/packages.sh.j2", packages, parent=self)
            for host in self.members
        ]
        steps: list[Step] = []
        # The first host is the last one: where it was the only one, it serves until the others are a cluster.
        for host in reversed(self.hosts):
            own = {"address": host.address, "identity": self._certificate(host, authority).identity}
            steps.append(
                Step(
                    f"{host.name}-{software}",
                    host,
                    f"{role.name}/{software}.sh.j2",
                    {**login, **own, **more},
                    parent=self,
                    after=[*steps[-1:], *installed],
                )
            )
        self.ready = steps[-1]

    def _certificate(self, host: Host, authority: Authority) -> Certificate:
        # Erlang compares the host part of a member's name with DNS names alone, although it is an address.
        names = [host.address] if self.is_cluster else []
        # Each member is a client of the others.
        return authority.sign(
            host.name, host.hostname, names=names, addresses=[host.address], is_client=self.is_cluster
        )

    @property
    def is_cluster(self) -> bool:
        return bool(self.members)

    @property
    def host(self) -> Host:
        """The first one."""
        return self.hosts[0]

    def url(self, of: Callable[[str, Sequence[str]], str]) -> pulumi.Output[str]:
        """A secret URL, known after `ready`; `of` builds it from password and addresses."""
        addresses = pulumi.Output.all(*(host.address for host in self.hosts))
        values = pulumi.Output.all(self.password.result, addresses, self.ready.id)
        return pulumi.Output.secret(values.apply(lambda v: of(v[0], v[1])))
