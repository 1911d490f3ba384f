"""Wait until bus and database see nothing of a host that was isolated by its security groups.

The other host of the pair runs it after nova could not stop that host. It needs no more than Congress's own accounts:
- the bus tells how many datasource nodes consume from their queue. RabbitMQ drops a lost one after its heartbeats;
- the database shows an account's own sessions, and an account may end them. The sessions of a dead host stay for long,
  so they are ended; a host that is alive and not isolated connects again within a second or two.

usage: python -m congress_runtime.probes.isolated CONFIGURATION ADDRESS NODES SECONDS

ADDRESS: of the isolated host. NODES: how many datasource nodes run on this host, 0 or 1. Exit code 0 once both have
seen nothing of it for QUIET seconds; 1 after SECONDS, and one line about what is seen.
"""

import os
import sys
import time

import sqlalchemy
from congress.common import config
from congress_runtime import patches
from congress_runtime.bus import DATASOURCE_MANAGER, BusError, connection, consumers, topic
from oslo_config import cfg
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

QUIET = 10.0  # seconds
PAUSE = 1.0
NETWORK_TIMEOUT = 5.0
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
    while True:
        seen = on_bus(cfg.CONF, nodes) or in_database(database, address)
        now = time.monotonic()
        if seen:
            quiet_since = None
        elif quiet_since is None:
            quiet_since = now
        if quiet_since is not None and now >= quiet_since + QUIET:
            print(f"nothing of {address} on bus and database")
            return 0
        if now >= end:
            print(seen or f"nothing of {address} on bus and database, but not for {QUIET:.0f} s yet")
            return 1
        time.sleep(PAUSE)


def on_bus(conf: cfg.ConfigOpts, nodes: int) -> str:
    """What the bus sees of datasource nodes that do not run here, "" if nothing."""
    queue = topic(conf, DATASOURCE_MANAGER)
    try:
        with connection(conf, NETWORK_TIMEOUT) as link:
            count = consumers(link.default_channel, queue)
    except BusError as error:
        return str(error)
    return f"{count} datasource nodes on the bus, {nodes} of them here" if count > nodes else ""


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
