"""Runs in Congress's virtual environment, under eventlet like a Congress node.

usage: tls_client.py database URL...        connects to each by SQLAlchemy
       tls_client.py bus CONFIGURATION...   connects by oslo.messaging
       tls_client.py link CONFIGURATION...  connects by congress_runtime.bus
       tls_client.py call CONFIGURATION...  serves and calls over the bus

Prints a JSON list of the results: the version of TLS ("" without TLS), an answer, or the error.
"""

import eventlet

eventlet.monkey_patch()

import json  # noqa: E402
import sys  # noqa: E402

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


patches.apply(patches.BUS)
ACTION = {"database": database, "bus": bus, "link": link, "call": call}[sys.argv[1]]
print(json.dumps([ACTION(argument) for argument in sys.argv[2:]]))
