"""Step 1 of the document with services that the operator already has: the common part of an external database and bus.

They have no hosts here. A step on the first Congress host tries the service as Congress will use it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pulumi
from pydantic import SecretStr

from components.congress_host import CongressHost
from components.foundation.host import Host
from components.foundation.step import Step
from policy_code.on_host import LIBRARY
from roles import Role

SECONDS = 240  # for the whole trial


class ExternalService(pulumi.ComponentResource):
    """`ready`: the step that has tried the service. Everything that uses the service waits for it.

    `authorities`: file on the Congress hosts -> PEM of the authority that signs the service's certificate. `place`: for
    the operator.
    """

    hosts: tuple[Host, ...] = ()
    authorities: Mapping[str, str]
    place: str
    ready: Step

    def __init__(
        self,
        type_: str,
        name: str,
        role: Role,
        tried_on: CongressHost,
        *,
        place: str,
        ca: Path,
        password: SecretStr,
        program: str,
        request: Mapping[str, Any],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(type_, name, None, opts)
        self.place = place
        self.ca_file = f"/etc/congress-ha/{role.name}-ca.pem"
        self.authorities = {self.ca_file: ca.read_text()}
        # Only the components of a running program make Outputs.
        self.password = pulumi.Output.secret(password.get_secret_value())
        whole_request = self.password.apply(
            lambda known: json.dumps({**request, "password": known, "ca": self.ca_file})
        )
        self.ready = Step(
            f"{name}-trial",
            tried_on.host,
            "congress_host/external_service.sh.j2",
            {
                "ca": self.authorities[self.ca_file],
                "ca_file": self.ca_file,
                "program": program,
                "installed": f"{LIBRARY}/{Path(program).name}",
                "request": whole_request,
                "place": place,
                "seconds": SECONDS,
            },
            parent=self,
            after=[tried_on.software],
            limit=SECONDS + 60,
        )

    def known_after_trial(self, secret: pulumi.Output[str]) -> pulumi.Output[str]:
        return pulumi.Output.secret(pulumi.Output.all(secret, self.ready.id).apply(lambda values: values[0]))
