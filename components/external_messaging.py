"""Step 1 of the document with a message bus that the operator already has."""

from __future__ import annotations

from urllib.parse import quote

import pulumi

from components.congress_host import CongressHost
from components.external import ExternalService
from roles import MESSAGING
from settings import ExternalMessaging as Setting


class ExternalMessaging(ExternalService):
    """`transport_url` is known after the trial. Its queues are those of a cluster, also with one host."""

    transport_url: pulumi.Output[str]
    is_cluster = True

    def __init__(
        self,
        name: str,
        setting: Setting,
        tried_on: CongressHost,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(
            "congress-ha:index:ExternalMessaging",
            name,
            MESSAGING,
            tried_on,
            place=setting.place,
            ca=setting.ca,
            password=setting.password,
            program="messaging/check_bus.py",
            request={
                "brokers": [[broker.host, broker.port] for broker in setting.hosts],
                "vhost": setting.vhost,
                "user": setting.user,
            },
            opts=opts,
        )
        self.transport_url = self.known_after_trial(
            self.password.apply(lambda password: url(setting, password))
        )
        self.register_outputs({})


def url(setting: Setting, password: str) -> str:
    login = f"{quote(setting.user, safe='')}:{quote(password, safe='')}"
    hosts = ",".join(f"{login}@{broker.host}:{broker.port}" for broker in setting.hosts)
    return f"rabbit://{hosts}/{quote(setting.vhost, safe='')}"
