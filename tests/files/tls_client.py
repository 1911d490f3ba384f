"""Run by the Python that Congress is installed in, as a Congress node is: under eventlet.

usage: tls_client.py database URL...     connects to each by SQLAlchemy

Prints a line of JSON for each: the version of TLS that it was connected by, "" for none, or why it was not.
"""

import eventlet

eventlet.monkey_patch()

import json  # noqa: E402
import sys  # noqa: E402

import sqlalchemy  # noqa: E402
from sqlalchemy.exc import OperationalError  # noqa: E402
from sqlalchemy.pool import NullPool  # noqa: E402


def database(url: str) -> str:
    try:
        with eventlet.Timeout(20), sqlalchemy.create_engine(url, poolclass=NullPool).connect() as link:
            return str(link.execute(sqlalchemy.text("SHOW STATUS LIKE 'Ssl_version'")).fetchone()[1])
    except OperationalError as error:
        return str(error.orig)


print(json.dumps([{"database": database}[sys.argv[1]](asked) for asked in sys.argv[2:]]))
