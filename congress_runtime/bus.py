"""A separate connection to Congress's message bus, in addition to those that oslo.messaging keeps."""

import contextlib
import socket
import ssl
import uuid
from collections.abc import Iterator
from typing import Any

import kombu
import oslo_messaging
from amqp import Message
from amqp.exceptions import AMQPError, NotFound
from oslo_config import cfg

# Each of these services (congress.api.base) exists only on nodes of one role, so it identifies the role.
DATASOURCE_MANAGER = "_ds_manager"
POLICY_ENGINE = "__engine"
CONNECT = 2.0  # seconds


class BusError(Exception):
    """The bus cannot be used. The text names host, port and user, never the password."""


def topic(conf: cfg.ConfigOpts, service: str) -> str:
    """Return the queue that every node with `service` consumes from, named as congress.dse2.dse_node does."""
    return f"congress-service-{service}-{conf.dse.bus_id}"


def consumers(channel: Any, queue: str) -> int:
    """Return the number of consumers of `queue`, 0 if the queue does not exist."""
    try:
        return int(channel.queue_declare(queue, passive=True).consumer_count)
    except NotFound:
        return 0


@contextlib.contextmanager
def connection(conf: cfg.ConfigOpts, timeout: float) -> Iterator[kombu.Connection]:
    """Connect to the first host of transport_url that accepts a connection, within `timeout` seconds for each host.

    Raises BusError if no host accepts one.
    """
    url = transport_url(conf)
    rpc_transport(conf)  # registers the options of oslo_messaging_rabbit
    problems = []
    for host in url.hosts:
        server = f"{host.hostname}:{host.port or 5672} as {host.username}"
        link = kombu.Connection(
            hostname=host.hostname,
            port=host.port or 5672,
            userid=host.username,
            password=host.password,
            virtual_host=url.virtual_host or "/",
            transport="pyamqp",
            connect_timeout=timeout,
            ssl=tls(conf, host.hostname),
        )
        try:
            link.connect()
        except (OSError, AMQPError) as error:
            problems.append(f"{server}: {error}")
            continue
        link.connection.transport.sock.settimeout(timeout)
        try:
            yield link
        finally:
            with contextlib.suppress(OSError, AMQPError):
                link.release()
        return
    raise BusError("no message bus at " + "; ".join(problems))


def are_all_up(conf: cfg.ConfigOpts) -> bool:
    """Whether each host of transport_url accepts connections.

    If not, a queue counts more consumers than it has: RabbitMQ keeps those of a host that is off until it is back
    (rabbit_fifo: suspected_down).
    """
    for host in transport_url(conf).hosts:
        try:
            socket.create_connection((host.hostname, host.port or 5672), CONNECT).close()
        except OSError:
            return False
    return True


def blocked_reasons(link: kombu.Connection, pause: float) -> Iterator[str]:
    """Publish a probe, and yield RabbitMQ's reason every `pause` seconds until RabbitMQ confirms the probe.

    RabbitMQ blocks publishers while it is short of memory or disk. Every RPC call then hangs, so a call that is not
    answered says nothing about the node that was called. Raises BusError if RabbitMQ neither blocks nor confirms.
    """
    reasons: list[str] = []
    confirmed: list[int] = []
    bus = link.connection
    bus.on_blocked = reasons.append
    channel = link.channel()
    channel.confirm_select()
    channel.events["basic_ack"].add(lambda tag, _multiple: confirmed.append(tag))
    channel.basic_publish(Message(""), routing_key=f"nobody-{uuid.uuid4()}")
    while not confirmed:
        try:
            bus.drain_events(timeout=pause)
        except TimeoutError:
            if not reasons:
                raise BusError("the bus confirms no publication") from None
        if reasons and not confirmed:
            yield reasons[-1]


def transport_url(conf: cfg.ConfigOpts) -> oslo_messaging.TransportURL:
    try:
        url = oslo_messaging.TransportURL.parse(conf)
    except (oslo_messaging.InvalidTransportURL, ValueError):
        url = None  # the text of either error quotes the URL, which contains the password
    if url is None or url.transport != "rabbit" or not url.hosts:
        raise BusError("transport_url is not of the form rabbit://USER:PASSWORD@HOST:PORT/")
    return url


def tls(conf: cfg.ConfigOpts, hostname: str) -> bool | dict[str, Any]:
    """Return the same TLS parameters that oslo.messaging uses, False without TLS."""
    rabbit = conf.oslo_messaging_rabbit
    if not rabbit.ssl:
        return False
    parameters: dict[str, Any] = {"server_hostname": hostname}
    if rabbit.ssl_ca_file:
        parameters |= {"ca_certs": rabbit.ssl_ca_file, "cert_reqs": ssl.CERT_REQUIRED}
    if rabbit.ssl_cert_file:
        parameters |= {"certfile": rabbit.ssl_cert_file, "keyfile": rabbit.ssl_key_file}
    return parameters


def rpc_transport(conf: cfg.ConfigOpts) -> oslo_messaging.Transport:
    return oslo_messaging.get_rpc_transport(conf)


def ping(
    conf: cfg.ConfigOpts,
    transport: oslo_messaging.Transport,
    service: str,
    timeout: float,
    server: str | None = None,
) -> None:
    """Call `service` over the bus and wait `timeout` seconds for an answer. Raises MessagingTimeout without one.

    `server`: the id of the node to call; without it, RabbitMQ chooses one of the nodes that have the service.
    """
    target = oslo_messaging.Target(
        exchange="congress", topic=topic(conf, service), version="1.0", server=server
    )
    oslo_messaging.get_rpc_client(transport, target, timeout=timeout).call({}, "ping")
