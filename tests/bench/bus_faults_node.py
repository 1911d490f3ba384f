"""Run by Congress's Python: a server on the bus as a Congress node is one, or a caller of all servers.

usage: bus_faults_node.py CONFIGURATION serve NAME
       bus_faults_node.py CONFIGURATION call SECONDS NAME...

Prints lines of JSON. A server prints each cast that it hears, the caller each call: when it began and ended
(time.monotonic, the same clock in all processes of a machine), whom it called, and the error. The caller begins a
call to each server every SECONDS, whether or not earlier ones are answered, and a cast to all of them each second.
"""

from __future__ import annotations

import itertools
import json
import sys
import time

import eventlet

eventlet.monkey_patch()

import oslo_messaging  # noqa: E402
from congress_runtime import patches  # noqa: E402
from congress_runtime.bus import rpc_transport  # noqa: E402
from oslo_config import cfg  # noqa: E402
from oslo_log import log  # noqa: E402

LIMIT = 10.0  # of a call, seconds


def say(**what: object) -> None:
    print(json.dumps(what), flush=True)


def target(**fields: object) -> oslo_messaging.Target:
    return oslo_messaging.Target(exchange="congress", version="1.0", **fields)


class Endpoint:
    def ping(self, _context: object) -> str:
        return "pong"

    def heard(self, _context: object, number: int) -> None:
        say(heard=number, at=time.monotonic())


def serve(transport: oslo_messaging.Transport, name: str) -> None:
    """As DseNode: a server of the node's control topic with its fanout, and one of a service."""
    for topic in ("congress-control-bus", f"congress-service-{name}-bus"):
        server = oslo_messaging.get_rpc_server(
            transport, target(topic=topic, server=name), [Endpoint()], executor="eventlet"
        )
        server.start()
    while True:
        eventlet.sleep(60)


def call_all(transport: oslo_messaging.Transport, pause: float, names: list[str]) -> None:
    numbers = itertools.count()

    def once(name: str) -> None:
        to = target(topic=f"congress-service-{name}-bus", server=name)
        began, error = time.monotonic(), ""
        try:
            oslo_messaging.get_rpc_client(transport, to, timeout=LIMIT).call({}, "ping")
        except Exception as problem:  # noqa: BLE001  each is counted
            error = type(problem).__name__
        say(to=name, began=began, ended=time.monotonic(), error=error)

    def cast() -> None:
        to = target(topic="congress-control-bus", fanout=True)
        client = oslo_messaging.get_rpc_client(transport, to)
        for number in numbers:
            try:
                client.cast({}, "heard", number=number)
                say(cast=number, at=time.monotonic())
            except Exception as problem:  # noqa: BLE001
                say(cast=number, at=time.monotonic(), error=type(problem).__name__)
            eventlet.sleep(1)

    eventlet.spawn(cast)
    while True:
        for name in names:
            eventlet.spawn(once, name)
        eventlet.sleep(pause)


def main(configuration: str, role: str, *words: str) -> None:
    conf = cfg.CONF
    log.register_options(conf)
    conf(["--config-file", configuration], project="congress", default_config_files=[])
    log.setup(conf, "bus")
    patches.apply(patches.BUS)
    transport = rpc_transport(conf)
    if role == "serve":
        serve(transport, words[0])
    else:
        call_all(transport, float(words[0]), list(words[1:]))


main(*sys.argv[1:])
