"""Wait until bus and database see nothing of a host that was isolated by its security groups.

The other host of the pair runs it after nova could not stop that host. It needs no more than Congress's own accounts:
- the bus tells how many datasource nodes consume from their queue. RabbitMQ drops a lost one after its heartbeats. It
  counts those of a broker that is off until that one is back, so then none may answer for longer than two heartbeats;
- the database shows an account's own sessions, and an account may end them. The sessions of a dead host stay for long,
  so they are ended; a host that is alive and not isolated connects again within a second or two.

usage: python -m congress_runtime.probes.isolated CONFIGURATION ADDRESS NODES SECONDS

ADDRESS: of the isolated host. NODES: how many datasource nodes run on this host, 0 or 1. Exit code 0 once both have
seen nothing of it for QUIET (or SILENT) seconds; 1 after SECONDS, and one line about what is seen.
"""

import os
import sys
import time

import amqp
import sqlalchemy
from amqp.exceptions import AMQPError, NotFound
from congress.common import config
from congress_runtime import patches
from congress_runtime.bus import (
    CONNECT,
    DATASOURCE_MANAGER,
    BusError,
    are_all_up,
    connection,
    consumers,
    topic,
)
from congress_runtime.probes.ping import ask
from oslo_config import cfg
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

# Seconds. Where a broker is off: RabbitMQ drops a client of another one after two heartbeats (rabbitmq.conf), and a
# datasource node that hangs ends itself (congress_runtime/watchdog.py).
QUIET, SILENT = 10.0, 30.0
PAUSE = 1.0
ANSWER = 2.0
SESSIONS = sqlalchemy.text("SELECT id FROM information_schema.processlist WHERE host LIKE :client")


def main(file: str, address: str, nodes: int, limit: float) -> int:
    try:
        config.init(["--config-file", file])
    except cfg.Error as error:
        print(f"cannot read the configuration {file}: {error}")
        return 1
    patches.apply(patches.BUS)
    database = sqlalchemy.create_engine(cfg.CONF.database.connection, poolclass=NullPool)
    end = time.monotonic() + limit
    quiet_since: float | None = None
    needed = QUIET
    while True:
        seen, quiet = on_bus(cfg.CONF, nodes)
        seen = seen or in_database(database, address)
        now = time.monotonic()
        if seen:
            quiet_since, needed = None, QUIET
        elif quiet_since is None:
            quiet_since = now
        needed = max(needed, quiet)
        if quiet_since is not None and now >= quiet_since + needed:
            print(f"nothing of {address} on bus and database")
            return 0
        if now >= end:
            print(seen or f"nothing of {address} on bus and database, but not for {needed:.0f} s yet")
            return 1
        time.sleep(PAUSE)


def on_bus(conf: cfg.ConfigOpts, nodes: int) -> tuple[str, float]:
    """What the bus sees of datasource nodes that do not run here, "" if nothing; and for how long that must be so."""
    queue = topic(conf, DATASOURCE_MANAGER)
    try:
        with connection(conf, CONNECT) as link:
            count = consumers(link.default_channel, queue)
            # RabbitMQ also says 0 if the queue's leader does not answer it in time.
            if not nodes and answers(link.connection, queue):
                return "a datasource node answers on the bus", QUIET
    except (BusError, OSError, AMQPError) as error:
        return str(error), QUIET
    if count <= nodes:
        return "", QUIET
    if are_all_up(conf):
        return f"{count} datasource nodes on the bus, {nodes} of them here", QUIET
    return "", SILENT


def answers(link: amqp.Connection, queue: str) -> bool:
    """Whether a datasource node answers a ping."""
    try:
        ask(link, queue, time.monotonic() + ANSWER)
    except (TimeoutError, NotFound):  # nobody has used the bus yet
        return False
    return True


def in_database(database: sqlalchemy.engine.Engine, address: str) -> str:
    """End the host's sessions in the database; how many there were, "" if none."""
    try:
        with database.connect() as link:
            sessions = list(link.execute(SESSIONS, {"client": f"{address}:%"}).scalars())
            for session in sessions:
                link.execute(sqlalchemy.text(f"KILL {int(session)}"))
    except SQLAlchemyError as error:
        # A session may also end by itself meanwhile (error 1094): it was seen all the same.
        return f"the database: {str(error).splitlines()[0]}"
    return f"{len(sessions)} sessions of {address} in the database" if sessions else ""


if __name__ == "__main__":
    code = main(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))
    sys.stdout.flush()
    # A normal exit would wait up to 10 s for the thread of oslo.messaging's metrics.
    os._exit(code)
