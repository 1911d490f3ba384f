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
from urllib.parse import unquote, urlsplit

import amqp


def main(file: str, limit: float) -> int:
    start = time.monotonic()
    config = configparser.ConfigParser(strict=False, interpolation=None)
    config.read(file)
    url = urlsplit(config["DEFAULT"]["transport_url"])
    topic = f"congress-service-_ds_manager-{config.get('dse', 'bus_id', fallback='bus')}"
    authority = config.get("oslo_messaging_rabbit", "ssl_ca_file", fallback=None)
    tls = {"ca_certs": authority, "cert_reqs": ssl.CERT_REQUIRED, "server_hostname": url.hostname}
    answers: list[amqp.Message] = []
    try:
        with amqp.Connection(
            host=f"{url.hostname}:{url.port or 5672}",
            userid=unquote(url.username or ""),
            password=unquote(url.password or ""),
            virtual_host=unquote(url.path[1:]) or "/",
            ssl=tls if authority else None,
            connect_timeout=limit,
            read_timeout=limit,
        ) as link:
            channel = link.channel()
            reply = f"reply_{uuid.uuid4().hex}"
            channel.queue_declare(reply, exclusive=True, auto_delete=True)
            channel.basic_consume(reply, callback=answers.append, no_ack=True)
            ids = {"_msg_id": uuid.uuid4().hex, "_unique_id": uuid.uuid4().hex, "_reply_q": reply}
            call: dict[str, Any] = {"method": "ping", "args": {}, "version": "1.0", "_timeout": None, **ids}
            body = json.dumps({"oslo.version": "2.0", "oslo.message": json.dumps(call)})
            # The message expires, so a datasource node that starts later does not answer it.
            expires = str(int(limit * 1000))
            message = amqp.Message(
                body, content_type="application/json", content_encoding="utf-8", expiration=expires
            )
            channel.basic_publish(message, exchange="congress", routing_key=topic)
            while not answers:
                link.drain_events(timeout=max(limit - (time.monotonic() - start), 0.01))
    except TimeoutError:
        print(f"no answer within {limit:.1f} s", file=sys.stderr)
        return 1
    except (OSError, amqp.AMQPError) as error:
        print(f"no message bus at {url.hostname}: {error}", file=sys.stderr)
        return 1
    print(round((time.monotonic() - start) * 1000))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], float(sys.argv[2])))
