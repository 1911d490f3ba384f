"""Step 1 of the document, second half: "A shared messaging service is also required", RabbitMQ."""

from __future__ import annotations

from typing import Any

import pulumi
import pulumi_random as random

from components.foundation.authority import Authority
from components.foundation.host import Site
from components.shared_service import SharedService
from roles import AMQPS, MESSAGING

# A cluster has a virtual host of its own: RabbitMQ refuses to change the type of queues that a single host had.
CLUSTER_VIRTUAL_HOST = "congress"


class Messaging(SharedService):
    """`transport_url`: as in the document, rabbit://<rabbit-userid>:<rabbit-password>@<rabbit-host-address>:5672, but
    with the port of AMQP over TLS, and with all hosts of a cluster.
    """

    transport_url: pulumi.Output[str]

    def __init__(
        self, name: str, site: Site, authority: Authority, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        def context(child: pulumi.ResourceOptions) -> dict[str, Any]:
            if not self.is_cluster:
                return {"port": AMQPS, "virtual_host": "/"}
            # Erlang's secret between the members. A new one would stop all of them at the same time, so it stays.
            cookie = random.RandomPassword(f"{name}-cookie", length=40, special=False, opts=child)
            return {"port": AMQPS, "virtual_host": CLUSTER_VIRTUAL_HOST, "cookie": cookie.result}

        super().__init__(
            "congress-ha:index:Messaging",
            name,
            MESSAGING,
            site,
            authority,
            software="rabbitmq",
            generation=site.settings.rotation.messaging,
            context=context,
            opts=opts,
        )
        path = f"/{CLUSTER_VIRTUAL_HOST}" if self.is_cluster else ""
        self.transport_url = self.url(
            lambda password, addresses: (
                "rabbit://"
                + ",".join(f"{self.user}:{password}@{address}:{AMQPS}" for address in addresses)
                + path
            )
        )
        self.register_outputs({})
