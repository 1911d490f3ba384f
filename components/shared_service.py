"""Step 1 of the document: "Deploy messaging and database infrastructure to be shared by all the Congress nodes".

The common part of database and messaging.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pulumi
import pulumi_random as random

from components.foundation.authority import CA_FILE, Authority
from components.foundation.host import Host, Site
from components.foundation.step import Step
from roles import Role
from settings import of_generation


class SharedService(pulumi.ComponentResource):
    """A server to which all Congress nodes log in by TLS.

    `generation`: of its user and password (see rotation). `software`: name of its step and of the step's template, in
    the folder of the role. `ready`: that step, which has seen `user` log in. The certificate has the server's address,
    because hosts have no names for each other; the port keeps the address when the server is replaced.
    """

    host: Host
    user: str
    ready: Step

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
        context: Mapping[str, Any],
        protect: bool = False,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(type_, name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        self.host = Host(name, role, site, protect=protect, opts=child)
        self.user = of_generation("congress", generation)
        self.password = random.RandomPassword(
            of_generation(f"{name}-password", generation), length=32, special=False, opts=child
        )
        certificate = authority.sign(name, self.host.hostname, addresses=[self.host.address])
        login = {
            "user": self.user,
            "password": self.password.result,
            "address": self.host.address,
            "identity": certificate.identity,
            "authority": authority.certificate,
            "ca_file": CA_FILE,
        }
        self.ready = Step(
            f"{name}-{software}",
            self.host,
            f"{role.name}/{software}.sh.j2",
            {**login, **context},
            parent=self,
        )

    def url(self, of: Callable[[str, str], str]) -> pulumi.Output[str]:
        """A secret URL, known after `ready`; `of` builds it from password and address."""
        values = pulumi.Output.all(self.password.result, self.host.address, self.ready.id)
        return pulumi.Output.secret(values.apply(lambda v: of(v[0], v[1])))
