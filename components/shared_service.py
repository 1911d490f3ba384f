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
from components.foundation.role_hosts import hosts_of, virtual_port
from components.foundation.step import Step
from roles import Role
from settings import of_generation


class SharedService(pulumi.ComponentResource):
    """A server to which all Congress nodes log in by TLS, on one host or on several that are a cluster.

    `generation`: of its user and password (see rotation). `software`: the name of its steps and, unless `template` is
    given, of their template in the folder of the role. `context`: further values for the template. `members`: hosts of
    the cluster, empty with one host. `virtual_address`: of the cluster, None without one. `steps`: one for each host;
    that of the first host is the last one unless `first_host_first`. `ready`: the last step, which has seen `user` log
    in. Each certificate has the server's address, because hosts have no names for each other. The port keeps the
    address when the server is replaced.
    """

    hosts: tuple[Host, ...]
    members: tuple[Host, ...]
    virtual_address: pulumi.Output[str] | None
    user: str
    installed: Sequence[Step]
    steps: tuple[Step, ...]
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
        template: str = "",
        first_host_first: bool = False,
        generation: int,
        context: Callable[[pulumi.ResourceOptions], Mapping[str, Any]],
        protect: bool = False,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(type_, name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        shared = virtual_port(role, site, child)
        self.virtual_address = None
        if shared is not None:
            self.virtual_address = shared.all_fixed_ips.apply(lambda addresses: addresses[0])
        pairs = [self.virtual_address] if self.virtual_address is not None else []
        self.hosts = hosts_of(role, site, address_pairs=pairs, protect=protect, opts=child)
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
        self.installed = [
            Step(f"{host.name}-packages", host, "congress_host/packages.sh.j2", packages, parent=self)
            for host in self.members
        ]
        steps: list[Step] = []
        # If the first host was the only one, it serves until the others are a cluster.
        for host in self.hosts if first_host_first else reversed(self.hosts):
            own: dict[str, Any] = {
                "address": host.address,
                "identity": self._certificate(host, authority).identity,
            }
            if self.virtual_address is not None:
                own |= {"name": host.hostname}
            steps.append(
                Step(
                    f"{host.name}-{software}",
                    host,
                    f"{role.name}/{template or software}.sh.j2",
                    {**login, **own, **more},
                    parent=self,
                    after=[*steps[-1:], *self.installed],
                )
            )
        self.steps = tuple(steps)
        self.ready = steps[-1]

    def _certificate(self, host: Host, authority: Authority) -> Certificate:
        # Erlang compares the host part of a member's name with DNS names alone, although it is an address.
        names = [host.address] if self.is_cluster else []
        # Each member is a client of the others.
        addresses = [host.address, *([self.virtual_address] if self.virtual_address is not None else [])]
        return authority.sign(
            host.name, host.hostname, names=names, addresses=addresses, is_client=self.is_cluster
        )

    @property
    def is_cluster(self) -> bool:
        return bool(self.members)

    @property
    def host(self) -> Host:
        """The first one."""
        return self.hosts[0]

    def url(self, of: Callable[[str, Sequence[str]], str]) -> pulumi.Output[str]:
        """A secret URL, known after `ready`. `of` builds it from password and addresses, or the virtual address."""
        shared = self.virtual_address
        addresses = pulumi.Output.all(
            *([shared] if shared is not None else (one.address for one in self.hosts))
        )
        values = pulumi.Output.all(self.password.result, addresses, self.ready.id)
        return pulumi.Output.secret(values.apply(lambda v: of(v[0], v[1])))
