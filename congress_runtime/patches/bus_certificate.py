"""Have oslo.messaging verify the name or address of the message bus as well.

Alone it asks only who signed the certificate, and takes any server that the same authority signed for the bus.
"""

from typing import Any

from oslo_messaging._drivers.impl_rabbit import Connection as RabbitConnection


def apply() -> None:
    fetch = RabbitConnection._fetch_ssl_params  # noqa: SLF001  no option says it

    def with_name(self: Any) -> Any:
        parameters = fetch(self)
        # For None kombu puts in the host that it connects to; where it is left out, nobody looks at the name.
        return {**parameters, "server_hostname": None} if isinstance(parameters, dict) else parameters

    RabbitConnection._fetch_ssl_params = with_name  # noqa: SLF001
