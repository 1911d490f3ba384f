"""Runs in Congress's virtual environment, under eventlet like a Congress node.

usage: tls_client.py database URL...        connects to each by SQLAlchemy
       tls_client.py bus CONFIGURATION...   connects by oslo.messaging
       tls_client.py link CONFIGURATION...  connects by congress_runtime.bus
       tls_client.py call CONFIGURATION...  serves and calls over the bus
       tls_client.py hosts|upstream-hosts CONFIGURATION...  connects by oslo.messaging to the first host that serves,
           in the order of transport_url; upstream: with bus_certificate as the only patch
       tls_client.py lost|upstream-lost URLS...  loses a connection of kombu to the first of two hosts

Prints a JSON list of the results: the version of TLS ("" without TLS), an answer, a host, or the error.
"""

import eventlet

eventlet.monkey_patch()

import json  # noqa: E402
import random  # noqa: E402
import socket  # noqa: E402
import sys  # noqa: E402

import kombu  # noqa: E402
import kombu.exceptions  # noqa: E402
import oslo_messaging  # noqa: E402
import sqlalchemy  # noqa: E402
from congress_runtime import patches  # noqa: E402
from congress_runtime.bus import BusError, connection, consumers, rpc_transport  # noqa: E402
from oslo_config import cfg  # noqa: E402
from oslo_messaging._drivers import impl_rabbit  # noqa: E402
from sqlalchemy.exc import OperationalError  # noqa: E402
from sqlalchemy.pool import NullPool  # noqa: E402


def database(url: str) -> str:
    try:
        with eventlet.Timeout(20), sqlalchemy.create_engine(url, poolclass=NullPool).connect() as link:
            return str(link.execute(sqlalchemy.text("SHOW STATUS LIKE 'Ssl_version'")).fetchone()[1])
    except OperationalError as error:
        return str(error.orig)


def transport(configuration: str) -> oslo_messaging.Transport:
    conf = cfg.CONF  # oslo.messaging registers its options there
    conf(["--config-file", configuration], project="congress", default_config_files=[])
    return rpc_transport(conf)


def bus(configuration: str) -> str:
    driver = transport(configuration)._driver  # noqa: SLF001  the driver that connects
    try:
        with eventlet.Timeout(30):
            own = impl_rabbit.Connection(driver.conf, driver._url, "send", retry=0)  # noqa: SLF001
    except kombu.exceptions.OperationalError as error:
        return str(error)
    sock = own.connection.connection.transport.sock
    return str(sock.version()) if hasattr(sock, "version") else ""


def link(configuration: str) -> str:
    try:
        with connection(transport(configuration).conf, 5) as own:
            return str(own.connection.transport.sock.version())
    except BusError as error:
        return str(error)


def hosts(configuration: str) -> str:
    """The connected host, the ms without an acknowledgement after which it is lost, and the limit to connect in s."""
    random.shuffle = lambda _: None  # type: ignore[assignment]
    driver = transport(configuration)._driver  # noqa: SLF001  the driver that connects
    try:
        with eventlet.Timeout(15):
            own = impl_rabbit.Connection(driver.conf, driver._url, "send", retry=1)  # noqa: SLF001
    except (kombu.exceptions.OperationalError, eventlet.Timeout) as error:
        return str(error)
    sock = own.connection.connection.transport.sock
    limit = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
    return f"{own.connection.info()['hostname']} {limit} {own.connection.connect_timeout}"


def lost(urls: str) -> str:
    link, tried = kombu.Connection(urls), []
    link._establish_connection = lambda: tried.append(link.hostname)  # noqa: SLF001  nothing serves there
    link.collect()
    link.ensure_connection()
    return str(tried)


class Endpoint:
    def ping(self, _context: object, number: int) -> int:
        return number + 1


def call(configuration: str) -> str:
    over = transport(configuration)
    target = oslo_messaging.Target(exchange="congress", topic="tests", server="here")
    server = oslo_messaging.get_rpc_server(over, target, [Endpoint()], executor="eventlet")
    server.start()
    with eventlet.Timeout(30):
        client = oslo_messaging.get_rpc_client(over, target, timeout=20)
        answer = [client.call({}, "ping", number=number) for number in range(3)]
        with connection(over.conf, 5) as own:
            answer.append(consumers(own.channel(), "tests"))
    server.stop()
    return str(answer)


ACTIONS = {"database": database, "bus": bus, "link": link, "call": call, "hosts": hosts, "lost": lost}
action = sys.argv[1].removeprefix("upstream-")
for patch in patches.load(patches.BUS):
    if action == sys.argv[1] or patch.__name__.endswith(".bus_certificate"):
        patch.apply()
print(json.dumps([ACTIONS[action](argument) for argument in sys.argv[2:]]))
