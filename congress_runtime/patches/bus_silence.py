"""Notice within seconds that a host of the message bus is silent, without cutting a node that is busy.

Upstream notices a host that is off only by the heartbeats of AMQP, after heartbeat_timeout_threshold. A shorter
threshold would also cut the connections of a node that is busy for a while. The kernel acknowledges data for a busy
process, too, so here the kernel decides. And kombu waits 5 s for a host before it tries the next one.
"""

import socket
from typing import Any

from kombu.transport.pyamqp import Transport
from oslo_messaging._drivers.impl_rabbit import Connection as RabbitConnection

# All times are in seconds.
SILENCE = 3  # without an acknowledgement, and the connection is lost
CONNECT = 2.0  # limit to connect to one of several hosts


def apply() -> None:
    establish = Transport.establish_connection
    set_timeout = RabbitConnection.set_transport_socket_timeout

    def establish_within_limit(self: Any) -> Any:
        if self.client.alt:
            self.client.connect_timeout = CONNECT
        return establish(self)

    def set_limit_of_kernel(self: Any, timeout: float | None = None) -> None:
        set_timeout(self, timeout)
        sock = getattr(getattr(self.channel, "connection", None), "sock", None)
        if sock is not None:
            # An idle connection is tested each second.
            for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL):
                sock.setsockopt(socket.IPPROTO_TCP, option, 1)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, SILENCE * 1000)

    Transport.establish_connection = establish_within_limit
    RabbitConnection.set_transport_socket_timeout = set_limit_of_kernel
