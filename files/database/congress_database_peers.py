"""What a member asks the MariaDB of another one, over the network, with the login of the replication."""

from __future__ import annotations

import socket
import subprocess
import tempfile
from pathlib import Path

from congress_database_look import SQL_LIMIT, Configuration, DatabaseError, number_in

# Seconds to connect, and for a dump.
CONNECT_LIMIT, DUMP_LIMIT = 5.0, 900.0


def dump_to(file: Path, configuration: Configuration, node: str) -> None:
    """Write all data of another member, with their position in the sequence of writes. Raises DatabaseError."""
    options = [
        "--all-databases",
        "--single-transaction",
        "--gtid",
        "--master-data=2",
        "--flush-privileges",
    ]
    _at(configuration, node, "mariadb-dump", *options, f"--result-file={file}", limit=DUMP_LIMIT)


def takes_writes(configuration: Configuration, node: str) -> bool | None:
    """Whether another member takes writes, None if it refuses connections: it has no MariaDB that runs.

    Raises DatabaseError if it does not say.
    """
    try:
        target = configuration.address_of(node), configuration.port_of(node)
        socket.create_connection(target, CONNECT_LIMIT).close()
    except ConnectionRefusedError:
        return None
    except OSError as error:
        raise DatabaseError(f"{node} does not answer: {error}") from None
    return _at(configuration, node, "mariadb", "-NBe", "SELECT @@read_only", limit=SQL_LIMIT) == "0"


def last_write(configuration: Configuration, node: str) -> int:
    """The number of another member's last write. Raises DatabaseError."""
    query = "SELECT @@gtid_binlog_pos"
    return number_in(_at(configuration, node, "mariadb", "-NBe", query, limit=SQL_LIMIT))


def _at(configuration: Configuration, node: str, *command: str, limit: float) -> str:
    """Run a client of MariaDB. Raises DatabaseError."""
    program, *options = command
    with tempfile.NamedTemporaryFile("w", dir=Path(configuration.state).parent) as login:
        login.write(f"""[client]
host={configuration.address_of(node)}
port={configuration.port_of(node)}
user={configuration.user}
password={configuration.password}
ssl-ca={configuration.authority}
ssl-verify-server-cert
[mariadb]
connect-timeout=5
""")
        login.flush()
        try:
            done = subprocess.run(
                [program, f"--defaults-file={login.name}", *options],
                capture_output=True,
                text=True,
                timeout=limit,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise DatabaseError(f"MariaDB of {node} does not answer within {limit:.0f} s") from None
    if done.returncode:
        raise DatabaseError(f"MariaDB of {node}: {' '.join(done.stderr.split())}")
    return done.stdout.strip()
