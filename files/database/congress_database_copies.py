"""How a member of the database's cluster gets its data: it begins the database, or copies the writer's."""

from __future__ import annotations

import re
import socket
import tempfile
from dataclasses import replace
from pathlib import Path

from congress_database_look import DatabaseError, wait_until
from congress_database_member import Member
from congress_database_peers import DUMP_LIMIT, dump_to, takes_writes
from congress_database_records import State
from congress_database_votes import position_of, writer_of

COROSYNC = 5405
PROBE_LIMIT = 3.0  # seconds


def found(member: Member) -> None:
    """Become the first writer, of a database that no other member has. Again after a restart without Pacemaker."""
    state = State.read(member.configuration)
    if state is None:
        for node in _others(member):
            if takes_writes(member.configuration, node) is not None or hears_a_cluster(
                member.configuration.address_of(node)
            ):
                raise DatabaseError(
                    f"{node} has a database already, so {member.name} must not begin a new one"
                )
        state = State("writer", 1, 1, 0, member.name)
    if (state.role, state.term) != ("writer", 1):
        raise DatabaseError(f"{member.name} has a copy already, so it must not begin a new database")
    if not member.server.answers:
        member.server.start(keeps_tail=True)
    member.save(state)
    # Until there are others, no write waits for one. Pacemaker's first monitor changes that.
    member.server.sql("SET GLOBAL read_only = 0")


def join(member: Member) -> None:
    """Get a copy of the database, if this member has none."""
    state = State.read(member.configuration)
    if state is None or state.role == "copies":
        rebuild(member)


def rebuild(member: Member) -> None:
    """Replace this member's data by the writer's, and follow it."""
    look, state = member.server.look(), State.read(member.configuration)
    if look.writable and state is not None:
        raise DatabaseError(f"{member.name} is the writer, so there is nothing to rebuild it from")
    if look.is_level and state is not None and state.role == "replica":
        raise DatabaseError(f"{member.name} follows the writer and has all of its data: nothing was done")
    source = _writer(member)
    member.save(State("copies", 0))
    copy(member, source)
    State("part", 0).write(member.configuration)
    member.server.follow(source)
    if not wait_until(60, lambda: member.server.look().is_level):
        raise DatabaseError(
            f"{member.name} has copied {source}, but cannot follow it: {member.server.replication_error()}"
        )


def copy(member: Member, source: str) -> None:
    """Replace all data by those of another member. Raises DatabaseError; then the data are incomplete."""
    server, configuration = member.server, member.configuration
    with tempfile.NamedTemporaryFile("w+", dir=Path(configuration.state).parent) as dump:
        dump_to(Path(dump.name), configuration, source)
        position = re.search(
            r"^-- SET GLOBAL gtid_slave_pos='([^']*)'", Path(dump.name).read_text(), re.MULTILINE
        )
        if position is None:
            raise DatabaseError(f"the copy of {source} has no position in the sequence of writes: try again")
        clear = "STOP SLAVE; RESET SLAVE ALL; SET sql_log_bin = 0; DROP DATABASE IF EXISTS congress"
        server.sql(clear, limit=DUMP_LIMIT)
        server.sql(f"SET sql_log_bin = 0;\nSOURCE {dump.name}", limit=DUMP_LIMIT)
    server.sql(
        f"""RESET MASTER; SET GLOBAL gtid_slave_pos = '{position[1]}';
SET GLOBAL gtid_binlog_state = '{position[1]}'; SET GLOBAL read_only = 1""",
        limit=DUMP_LIMIT,
    )


def _others(member: Member) -> list[str]:
    return [node for node in member.order if node != member.name]


def hears_a_cluster(address: str, port: int = COROSYNC) -> bool:
    """Whether corosync runs there. A member whose MariaDB is stopped looks otherwise like a new host, and has the data.

    Corosync answers no stranger. A host without it answers that nobody listens (ICMP, seen as a refused connection).
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.settimeout(PROBE_LIMIT)
        probe.connect((address, port))
        try:
            probe.send(b"?")
            probe.recv(1)
        except ConnectionRefusedError:
            return False
        except TimeoutError:
            return True
    return True


def _writer(member: Member) -> str:
    """The member to copy from. It answers without Pacemaker, which a new host joins only with its data."""
    for node in _others(member):
        try:
            if takes_writes(member.configuration, node):
                return node
        except DatabaseError:
            # The others may know more.
            continue
    raise DatabaseError(
        f"{member.name} finds no writer to copy from: sudo congress-database status on the others"
    )


def vouch(member: Member) -> None:
    """Count as a full member, by the word of an operator who knows that the absent ones are lost."""
    state, states = member.state, member.cluster.states()
    if (writer := writer_of(states)) is not None:
        raise DatabaseError(f"{writer} takes writes, and {member.name} gets them from it: nothing was done")
    if all(position_of(states.get(node, "")) is not None for node in member.order):
        raise DatabaseError(f"no host of the database is lost, so {member.name} must not vouch for any")
    if state.role == "part":
        member.save(replace(state, role="replica"))
