"""Call `ping` of the datasource node over the message bus, in a tenth of a second.

It is the fence agent's witness, and a probe of `make status`. probes.datasource_node checks more during a deployment,
but imports Congress and oslo.messaging, which takes more than a second of processor time. So this module writes
oslo.messaging's message format (envelope 2.0) itself: _drivers/common.py and amqpdriver.py of the pinned 14.7.2.

usage: python -m congress_runtime.probes.ping CONFIGURATION SECONDS

Prints the duration in milliseconds. On failure: exit code 1 and one line.
"""

from __future__ import annotations

import configparser
import json
import ssl
import sys
import time
import uuid
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

import amqp


def main(file: str, limit: float) -> int:
    start = time.monotonic()
    config = configparser.ConfigParser(strict=False, interpolation=None)
    config.read(file)
    topic = f"congress-service-_ds_manager-{config.get('dse', 'bus_id', fallback='bus')}"
    authority = config.get("oslo_messaging_rabbit", "ssl_ca_file", fallback=None)
    hosts = bus_hosts(config["DEFAULT"]["transport_url"])
    problems = []
    for number, url in enumerate(hosts):
        left = start + limit - time.monotonic()
        # A host that is off leaves time for the other ones.
        link = connection(url, authority, left / (len(hosts) - number))
        try:
            with link:
                ask(link, topic, start + limit)
        except TimeoutError:
            if number == len(hosts) - 1 or time.monotonic() >= start + limit:
                print(f"no answer within {limit:.1f} s", file=sys.stderr)
                return 1
        except (OSError, amqp.AMQPError) as error:
            problems.append(f"no message bus at {url.hostname}: {error}")
        else:
            print(round((time.monotonic() - start) * 1000))
            return 0
    print("; ".join(problems), file=sys.stderr)
    return 1


def bus_hosts(transport_url: str) -> list[SplitResult]:
    """A URL for each host of an URL as of oslo.messaging, USER:PASSWORD@HOST:PORT,USER:PASSWORD@HOST:PORT."""
    url = urlsplit(transport_url)
    return [url._replace(netloc=host) for host in url.netloc.split(",")]


def connection(url: SplitResult, authority: str | None, limit: float) -> amqp.Connection:
    tls = {"ca_certs": authority, "cert_reqs": ssl.CERT_REQUIRED, "server_hostname": url.hostname}
    return amqp.Connection(
        host=f"{url.hostname}:{url.port or 5672}",
        userid=unquote(url.username or ""),
        password=unquote(url.password or ""),
        virtual_host=unquote(url.path[1:]) or "/",
        ssl=tls if authority else None,
        connect_timeout=limit,
        read_timeout=limit,
    )


def ask(link: amqp.Connection, topic: str, end: float) -> None:
    """Return when the datasource node has answered."""
    answers: list[amqp.Message] = []
    channel = link.channel()
    reply = f"reply_{uuid.uuid4().hex}"
    channel.queue_declare(reply, exclusive=True, auto_delete=True)
    channel.basic_consume(reply, callback=answers.append, no_ack=True)
    ids = {"_msg_id": uuid.uuid4().hex, "_unique_id": uuid.uuid4().hex, "_reply_q": reply}
    call: dict[str, Any] = {"method": "ping", "args": {}, "version": "1.0", "_timeout": None, **ids}
    body = json.dumps({"oslo.version": "2.0", "oslo.message": json.dumps(call)})
    # The message expires, so a datasource node that starts later does not answer it.
    expires = str(max(int((end - time.monotonic()) * 1000), 1))
    message = amqp.Message(
        body, content_type="application/json", content_encoding="utf-8", expiration=expires
    )
    channel.basic_publish(message, exchange="congress", routing_key=topic)
    while not answers:
        link.drain_events(timeout=max(end - time.monotonic(), 0.01))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], float(sys.argv[2])))
