"""Tries an external database as Congress will use it, before anything depends on it.

It runs on a Congress host with Congress's own Python. Its standard input is a JSON object: host, port, name, user,
password, ca (a file), connections (that Congress may open), is_filled (it must have Congress's tables already). What
is wrong is one sentence on standard error, and exit code 1.
"""

from __future__ import annotations

import contextlib
import json
import ssl
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import pymysql

LOCK_WAIT_TIMEOUT = 1205  # ER_LOCK_WAIT_TIMEOUT
WAIT = 1  # seconds; the shortest that the server accepts
TIMEOUT = 20  # seconds for a connection or a statement
PARENT, CHILD = "congress_ha_check", "congress_ha_check_child"
# Privilege -> what needs it. Congress and its migration use all of them.
GRANTS = {
    "CREATE": f"CREATE TABLE {PARENT} (id INT PRIMARY KEY, word VARCHAR(64)) ENGINE=InnoDB",
    "REFERENCES": f"CREATE TABLE {CHILD} (id INT, FOREIGN KEY (id) REFERENCES {PARENT} (id)) ENGINE=InnoDB",
    "ALTER": f"ALTER TABLE {PARENT} ADD COLUMN more INT",
    "INDEX": f"CREATE INDEX word ON {PARENT} (word)",
    "INSERT": f"INSERT INTO {PARENT} (id) VALUES (1)",  # noqa: S608  nothing of the request is in any of them
    "UPDATE": f"UPDATE {PARENT} SET more = 2",  # noqa: S608
    "SELECT": f"SELECT * FROM {PARENT}",  # noqa: S608
    "DELETE": f"DELETE FROM {PARENT} WHERE id = 1",  # noqa: S608
    "LOCK TABLES": f"LOCK TABLES {PARENT} WRITE",
    "DROP": f"DROP TABLE {CHILD}",
}
OFF = {"0", "OFF", "NO", ""}


class UnfitError(Exception):
    """Why Congress cannot use the database."""


def check(request: Mapping[str, Any]) -> None:
    with session(request) as first, session(request) as second:
        encrypted(first)
        one_writable_server(first)
        connections(first, request["connections"])
        tables(first, is_filled=request["is_filled"])
        remove(first)
        try:
            grants(first)
            locks(first, second)
        finally:
            remove(first)


@contextlib.contextmanager
def session(request: Mapping[str, Any]) -> Iterator[Any]:
    try:
        opened = pymysql.connect(
            host=request["host"],
            port=request["port"],
            user=request["user"],
            password=request["password"],
            database=request["name"],
            ssl={"ca": request["ca"], "check_hostname": True},
            connect_timeout=TIMEOUT,
            read_timeout=TIMEOUT,
            write_timeout=TIMEOUT,
            autocommit=True,
        )
    except (pymysql.MySQLError, OSError) as error:
        raise UnfitError(refused(request, error)) from None
    try:
        yield opened.cursor()
    finally:
        opened.close()


def refused(request: Mapping[str, Any], error: Exception) -> str:
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, ssl.SSLError):
        cause = getattr(cause, "original_exception", None) or cause.__cause__
    if isinstance(cause, ssl.SSLCertVerificationError):
        return (
            f"its certificate is not one for {request['host']} by the authority in ca ({cause.verify_message}): "
            "correct host or ca"
        )
    if isinstance(cause, ssl.SSLError):
        return f"it speaks no TLS that this host accepts ({cause.reason})"
    reason = error.args[-1] if error.args else error
    if isinstance(error, pymysql.OperationalError) and error.args[0] in {1044, 1045, 1049, 1698}:
        return f"it refuses the login ({reason}): correct user, password or name, or its grants"
    return (
        f"no connection ({reason}): correct host or port; is its address in network.egressCidrs, and are this stack's "
        "hosts allowed there?"
    )


def encrypted(cursor: Any) -> None:
    # PyMySQL goes on in plain text with a server that has no TLS.
    if not variable(cursor, "STATUS", "Ssl_cipher"):
        raise UnfitError(
            "it speaks no TLS, so passwords and policies would cross the network unencrypted: enable it there"
        )


def one_writable_server(cursor: Any) -> None:
    if variable(cursor, "GLOBAL VARIABLES", "wsrep_on") not in OFF:
        raise UnfitError(
            "it is a Galera cluster (wsrep_on=ON), whose servers do not know each other's table locks, and Congress "
            "locks tables when a rule is inserted: name a single server, or the writer of one that is replicated"
        )
    for name in ("read_only", "super_read_only", "innodb_read_only"):
        if (value := variable(cursor, "GLOBAL VARIABLES", name)) not in OFF:
            raise UnfitError(
                f"it accepts no writes ({name}={value}), as a replica does: name the server that is written to"
            )


def connections(cursor: Any, needed: int) -> None:
    for name in ("max_connections", "max_user_connections"):
        allowed = int(variable(cursor, "VARIABLES", name) or 0)
        if 0 < allowed < needed:
            raise UnfitError(
                f"{name} is {allowed}, and Congress's nodes may open {needed} connections: raise it there"
            )


def tables(cursor: Any, *, is_filled: bool) -> None:
    cursor.execute("SHOW TABLES")
    found = {name for (name,) in cursor.fetchall()} - {PARENT, CHILD}
    if found and "alembic_version" not in found:
        raise UnfitError(
            f"it has tables of another program ({min(found)}): name a database for this stack alone"
        )
    if is_filled and not found:
        raise UnfitError(
            "it is empty, and the stack's own database, which it replaces, would be deleted with all policies: load "
            "its data there first (docs/operate.md, Services that you have)"
        )


def grants(cursor: Any) -> None:
    for privilege, statement in GRANTS.items():
        try:
            cursor.execute(statement)
        except pymysql.MySQLError as error:
            raise UnfitError(
                f"its user may not do what needs the privilege {privilege} ({error.args[-1]}): grant it"
            ) from None
        if privilege == "LOCK TABLES":
            cursor.execute("UNLOCK TABLES")


def locks(first: Any, second: Any) -> None:
    """What Congress relies on: while one session holds a table's lock, another one waits for it."""
    first.execute(f"LOCK TABLES {PARENT} WRITE")
    second.execute(f"SET SESSION lock_wait_timeout = {WAIT}")
    try:
        second.execute(f"LOCK TABLES {PARENT} WRITE")
    except pymysql.MySQLError as error:
        if error.args[0] != LOCK_WAIT_TIMEOUT:
            raise UnfitError(
                f"a second session could not wait for a table's lock: {error.args[-1]}"
            ) from None
    else:
        raise UnfitError(
            "LOCK TABLES does not lock out a second session, as with several servers behind one address, and Congress "
            "locks tables when a rule is inserted: name a single server"
        )
    finally:
        first.execute("UNLOCK TABLES")
    second.execute(f"LOCK TABLES {PARENT} WRITE")
    second.execute("UNLOCK TABLES")


def variable(cursor: Any, kind: str, name: str) -> str:
    """A variable's value; "" if the server has none of this name."""
    cursor.execute(f"SHOW {kind} LIKE %s", (name,))
    row = cursor.fetchone()
    return str(row[1]).upper() if row else ""


def remove(cursor: Any) -> None:
    with contextlib.suppress(pymysql.MySQLError):
        cursor.execute(f"DROP TABLE IF EXISTS {CHILD}, {PARENT}")


def main() -> int:
    request = json.load(sys.stdin)
    try:
        check(request)
    except (UnfitError, pymysql.MySQLError, OSError) as error:
        reason = error if isinstance(error, UnfitError) else f"it broke off: {error.args[-1]}"
        print(
            f"the external database {request['host']}:{request['port']}/{request['name']}: {reason}",
            file=sys.stderr,
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
