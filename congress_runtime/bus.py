"""A connection of one's own to Congress's message bus, beside those that oslo.messaging keeps."""

import contextlib
import ssl
import uuid
from collections.abc import Iterator
from typing import Any

import kombu
import oslo_messaging
from amqp import Message
from amqp.exceptions import AMQPError, NotFound
from oslo_config import cfg

# Services by which a node of each role can be known (congress.api.base): no node of the other role has them.
DATASOURCE_MANAGER = "_ds_manager"
POLICY_ENGINE = "__engine"


class BusError(Exception):
    """The bus could not be asked; the text names host, port and user, never the password."""


def topic(conf: cfg.ConfigOpts, service: str) -> str:
    """Name the queue that every node with `service` consumes from (congress.dse2.dse_node makes it up so)."""
    return f"congress-service-{service}-{conf.dse.bus_id}"


def consumers(channel: Any, queue: str) -> int:
    """Count the consumers that `queue` has now: 0 when there is no such queue."""
    try:
        return int(channel.queue_declare(queue, passive=True).consumer_count)
    except NotFound:
        return 0


@contextlib.contextmanager
def connection(conf: cfg.ConfigOpts, timeout: float) -> Iterator[kombu.Connection]:
    """Connect to the first host of transport_url that takes one, each tried for `timeout` seconds."""
    url = transport_url(conf)
    rpc_transport(conf)  # registers the options of oslo_messaging_rabbit
    problems = []
    for host in url.hosts:
        place = f"{host.hostname}:{host.port or 5672} as {host.username}"
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
            problems.append(f"{place}: {error}")
            continue
        link.connection.transport.sock.settimeout(timeout)
        try:
            yield link
        finally:
            with contextlib.suppress(OSError, AMQPError):
                link.release()
        return
    raise BusError("no message bus at " + "; ".join(problems))


def held_back(link: kombu.Connection, pause: float) -> Iterator[str]:
    """Yield why, each `pause` seconds while the bus takes no publication; it ends when the bus takes one.

    RabbitMQ short of memory or of disk reads no further from whoever publishes. A call to anybody then hangs, and says
    nothing of who is called.
    """
    reasons: list[str] = []
    taken: list[int] = []
    bus = link.connection
    bus.on_blocked = reasons.append
    channel = link.channel()
    channel.confirm_select()
    channel.events["basic_ack"].add(lambda tag, _multiple: taken.append(tag))
    channel.basic_publish(Message(""), routing_key=f"nobody-{uuid.uuid4()}")
    while not taken:
        try:
            bus.drain_events(timeout=pause)
        except TimeoutError:
            if not reasons:
                raise BusError("the bus confirms no publication") from None
        if reasons and not taken:
            yield reasons[-1]


def transport_url(conf: cfg.ConfigOpts) -> oslo_messaging.TransportURL:
    try:
        url = oslo_messaging.TransportURL.parse(conf)
    except (oslo_messaging.InvalidTransportURL, ValueError):
        url = None  # the errors' texts quote the URL, and with it the password
    if url is None or url.transport != "rabbit" or not url.hosts:
        raise BusError("transport_url is not of the form rabbit://USER:PASSWORD@HOST:PORT/")
    return url


def tls(conf: cfg.ConfigOpts, hostname: str) -> bool | dict[str, Any]:
    """Give the TLS parameters that oslo.messaging would use too; False without TLS."""
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
    """Call a node's `service` over the bus and wait for its answer: MessagingTimeout when none comes.

    With `server`, a node id, that node; without, whichever node takes the message.
    """
    target = oslo_messaging.Target(
        exchange="congress", topic=topic(conf, service), version="1.0", server=server
    )
    oslo_messaging.get_rpc_client(transport, target, timeout=timeout).call({}, "ping")
