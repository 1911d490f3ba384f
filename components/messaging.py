"""Step 1 of the document, second half: "A shared messaging service is also required", RabbitMQ."""

from __future__ import annotations

import pulumi

from components.foundation.authority import Authority
from components.foundation.host import Site
from components.shared_service import SharedService
from roles import AMQPS, MESSAGING


class Messaging(SharedService):
    """`transport_url`: as in the document, rabbit://<rabbit-userid>:<rabbit-password>@<rabbit-host-address>:5672, but
    with the port of AMQP over TLS.
    """

    transport_url: pulumi.Output[str]

    def __init__(
        self, name: str, site: Site, authority: Authority, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(
            "congress-ha:index:Messaging",
            name,
            MESSAGING,
            site,
            authority,
            software="rabbitmq",
            generation=site.settings.rotation.messaging,
            context={"port": AMQPS},
            opts=opts,
        )
        self.transport_url = self.url(
            lambda password, address: f"rabbit://{self.user}:{password}@{address}:{AMQPS}"
        )
        self.register_outputs({})
