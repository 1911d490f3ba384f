"""Make oslo.messaging verify the name or address in RabbitMQ's certificate.

Upstream verifies only the signature, so it accepts any server whose certificate comes from the same authority.
"""

from typing import Any

from oslo_messaging._drivers.impl_rabbit import Connection as RabbitConnection


def apply() -> None:
    fetch = RabbitConnection._fetch_ssl_params  # noqa: SLF001  no option sets it

    def with_name(self: Any) -> Any:
        parameters = fetch(self)
        # kombu replaces None by the host that it connects to. Without the key, the name is not verified.
        return {**parameters, "server_hostname": None} if isinstance(parameters, dict) else parameters

    RabbitConnection._fetch_ssl_params = with_name  # noqa: SLF001
