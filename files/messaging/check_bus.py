"""Tries an external message bus as Congress will use it, before anything depends on it.

It runs on a Congress host with Congress's own Python. Its standard input is a JSON object: brokers ([host, port]
each), vhost, user, password, ca (a file). What is wrong is one sentence on standard error, and exit code 1.
"""

from __future__ import annotations

import contextlib
import json
import ssl
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

import amqp
from amqp.exceptions import AccessRefused, AMQPError, NotFound

TIMEOUT = 20  # seconds for a connection, an answer or a message
OLDEST = (
    3,
    10,
)  # quorum queues of older ones know no lifetime of a message, which oslo.messaging gives to calls
# Names as Congress's and oslo.messaging's own: permissions are patterns of names.
PREFIXES = ("congress-service-", "reply_")
TEXT = "of congress-ha's check"


class UnfitError(Exception):
    """Why Congress cannot use the bus."""


def check(request: Mapping[str, Any]) -> None:
    with contextlib.ExitStack() as stack:
        links = {
            f"{host}:{port}": stack.enter_context(connection(request, host, port))
            for host, port in request["brokers"]
        }
        for broker, link in links.items():
            named(broker, version, link)
            for prefix in PREFIXES:
                others = {name: other for name, other in links.items() if name != broker}
                name = f"{prefix}congress-ha-check-{uuid.uuid4().hex}"
                named(broker, one_queue, link, name, others)


def named(broker: str, function: Any, *arguments: Any) -> None:
    """Call it, and let what it raises name the broker."""
    try:
        function(*arguments)
    except AccessRefused as error:
        reason = f"its user may not do what Congress does ({error.reply_text}): grant configure, write and read on .*"
        raise UnfitError(f"{broker}: {reason}") from None
    except UnfitError as error:
        raise UnfitError(f"{broker}: {error}") from None
    except (AMQPError, OSError) as error:
        raise UnfitError(f"{broker}: it does not carry messages: {described(error)}") from None


@contextlib.contextmanager
def connection(request: Mapping[str, Any], host: str, port: int) -> Iterator[Any]:
    link = amqp.Connection(
        host=f"{host}:{port}",
        userid=request["user"],
        password=request["password"],
        virtual_host=request["vhost"],
        ssl={"ca_certs": request["ca"], "cert_reqs": ssl.CERT_REQUIRED, "server_hostname": host},
        connect_timeout=TIMEOUT,
        read_timeout=TIMEOUT,
        write_timeout=TIMEOUT,
    )
    try:
        link.connect()
    except ssl.SSLCertVerificationError as error:
        reason = (
            f"its certificate is not one for {host} by the authority in ca ({error.verify_message}): correct hosts "
            "or ca"
        )
        raise UnfitError(f"{host}:{port}: {reason}") from None
    except ssl.SSLError as error:
        reason = f"it speaks no TLS that this host accepts ({error.reason}): name its port of AMQP over TLS"
        raise UnfitError(f"{host}:{port}: {reason}") from None
    except (AccessRefused, AMQPError) as error:
        reason = (
            f"it refuses the login ({described(error)}): correct user, password or vhost, or its permissions"
        )
        raise UnfitError(f"{host}:{port}: {reason}") from None
    except OSError as error:
        reason = (
            f"no connection ({error}): correct hosts; is its address in network.egressCidrs, and are this stack's "
            "hosts allowed there?"
        )
        raise UnfitError(f"{host}:{port}: {reason}") from None
    try:
        yield link
    finally:
        with contextlib.suppress(AMQPError, OSError):
            link.close()


def version(link: Any) -> None:
    told = str(link.server_properties.get("version", ""))
    numbers = tuple(int(part) for part in told.split(".")[:2] if part.isdigit())
    if link.server_properties.get("product") != "RabbitMQ" or numbers < OLDEST:
        raise UnfitError(
            f"it is {link.server_properties.get('product', 'unknown')} {told}, and Congress's queues take RabbitMQ "
            f"{'.'.join(map(str, OLDEST))} or newer: upgrade it"
        )


def one_queue(link: Any, name: str, others: Mapping[str, Any]) -> None:
    """A quorum queue declared, bound, published to and consumed here, known to the others, and deleted."""
    channel = link.channel()
    try:
        channel.exchange_declare(name, "direct", durable=False, auto_delete=True)
        channel.queue_declare(name, durable=True, auto_delete=False, arguments={"x-queue-type": "quorum"})
    except (NotFound, AccessRefused):
        raise
    except AMQPError as error:
        raise UnfitError(f"it declares no quorum queue: {described(error)}") from None
    try:
        channel.queue_bind(name, name, name)
        channel.confirm_select()
        channel.basic_publish_confirm(amqp.Message(TEXT), exchange=name, routing_key=name)
        consume(channel, name)
        for other, its_link in others.items():
            try:
                its_link.channel().queue_declare(name, passive=True)
            except NotFound:
                raise UnfitError(
                    f"{other} does not know its queues, so the two are not members of one cluster, and Congress's "
                    "nodes would not hear each other: name hosts of one cluster"
                ) from None
    finally:
        with contextlib.suppress(AMQPError, OSError):
            channel.queue_delete(name)


def consume(channel: Any, name: str) -> None:
    end = time.monotonic() + TIMEOUT
    while (message := channel.basic_get(name)) is None:
        if time.monotonic() > end:
            raise UnfitError(f"it confirmed a message, and did not deliver it within {TIMEOUT} s")
        time.sleep(0.1)
    channel.basic_ack(message.delivery_tag)
    if message.body != TEXT:
        raise UnfitError("it delivered another message than was published")


def described(error: Exception) -> str:
    return str(getattr(error, "reply_text", "") or error)


def main() -> int:
    request = json.load(sys.stdin)
    try:
        check(request)
    except UnfitError as error:
        print(f"the external message bus at {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
