"""Let kombu verify each host of transport_url by its own name, and continue with another host when one is lost.

Upstream writes the name of the first host that it connects to into the TLS parameters of the connection, and uses them
for all other hosts, too. So with several hosts, each has to show the certificate of the first one, and is refused.

After a lost connection, upstream tries the lost host first. If the host is off, nothing answers, not even a refusal.
"""

from typing import Any

import kombu
from kombu.transport.pyamqp import Transport


def apply() -> None:
    establish = Transport.establish_connection
    collect = kombu.Connection.collect
    ensure = kombu.Connection._ensure_connection  # noqa: SLF001  there is no callback

    def with_own_parameters(self: Any) -> Any:
        # A copy: kombu sets the original again for the next host.
        if isinstance(self.client.ssl, dict):
            self.client.ssl = dict(self.client.ssl)
        return establish(self)

    def collect_lost(self: Any, *args: Any, **options: Any) -> None:
        collect(self, *args, **options)
        self.is_lost = True

    def ensure_elsewhere(self: Any, *args: Any, **options: Any) -> Any:
        # Not in `collect`: oslo.messaging logs the lost host between the two.
        if getattr(self, "is_lost", False):
            self.is_lost = False
            self.maybe_switch_next()
        return ensure(self, *args, **options)

    Transport.establish_connection = with_own_parameters
    kombu.Connection.collect = collect_lost
    kombu.Connection._ensure_connection = ensure_elsewhere  # noqa: SLF001
