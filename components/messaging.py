"""Step 1 of the document, its second half: "A shared messaging service is also required", RabbitMQ."""

from __future__ import annotations

import pulumi
import pulumi_random as random

from components.foundation.authority import CA_FILE, Authority
from components.foundation.host import Host, Site
from components.foundation.step import Step
from roles import AMQPS, MESSAGING
from settings import of_generation


class Messaging(pulumi.ComponentResource):
    """`transport_url` as in the document: rabbit://<rabbit-userid>:<rabbit-password>@<rabbit-host-address>:5672

    But for the port, which is that of AMQP by TLS. It is known when `ready` saw `user` log in.
    """

    host: Host
    user: str
    transport_url: pulumi.Output[str]
    ready: Step

    def __init__(
        self, name: str, site: Site, authority: Authority, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("congress-ha:index:Messaging", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        self.host = Host(name, MESSAGING, site, opts=child)
        generation = site.settings.rotation.messaging
        self.user = of_generation("congress", generation)
        self.password = random.RandomPassword(
            of_generation(f"{name}-password", generation), length=32, special=False, opts=child
        )
        certificate = authority.sign(name, self.host.hostname, addresses=[self.host.address])
        context = {
            "user": self.user,
            "password": self.password.result,
            "address": self.host.address,
            "port": AMQPS,
            "identity": certificate.identity,
            "authority": authority.certificate,
            "ca_file": CA_FILE,
        }
        self.ready = Step(f"{name}-rabbitmq", self.host, "messaging/rabbitmq.sh.j2", context, parent=self)
        known = pulumi.Output.all(self.password.result, self.host.address, self.ready.id)
        self.transport_url = pulumi.Output.secret(
            known.apply(lambda k: f"rabbit://{self.user}:{k[0]}@{k[1]}:{AMQPS}")
        )
        self.register_outputs({})
