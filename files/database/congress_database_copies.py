"""How a member of the database's cluster gets its data: it begins the database, or copies the writer's."""

from __future__ import annotations

from congress_database_look import DatabaseError, wait_until
from congress_database_member import Member, State


def found(member: Member) -> None:
    """Become the first writer, of a database that no other member has. Again after a restart without Pacemaker."""
    state = State.read(member.configuration)
    if state is None:
        for node in _others(member):
            if member.server.is_writer_elsewhere(node) is not None:
                raise DatabaseError(
                    f"{node} has a database already, so {member.name} must not begin a new one"
                )
        state = State("writer", 1)
        state.write(member.configuration)
    if state != State("writer", 1):
        raise DatabaseError(f"{member.name} has a copy already, so it must not begin a new database")
    # Until there are others, no write waits for one. Pacemaker's first monitor changes that.
    member.server.sql("SET GLOBAL read_only = 0")


def join(member: Member) -> None:
    """Get a copy of the database, if this member has none."""
    state = State.read(member.configuration)
    if state is None or state.role == "copies":
        rebuild(member)


def rebuild(member: Member) -> None:
    """Replace this member's data by the writer's, and follow it."""
    if member.server.look().writable and State.read(member.configuration) is not None:
        raise DatabaseError(f"{member.name} is the writer, so there is nothing to rebuild it from")
    source = _writer(member)
    member.save("copies", 0)
    member.server.copy_from(source)
    State("part", 0).write(member.configuration)
    member.server.follow(source)
    if not wait_until(60, lambda: member.server.look().is_level):
        raise DatabaseError(
            f"{member.name} has copied {source}, but cannot follow it: {member.server.replication_error()}"
        )


def _others(member: Member) -> list[str]:
    return [node for node in member.order if node != member.name]


def _writer(member: Member) -> str:
    """The member to copy from. It answers without Pacemaker, which a new host joins only with its data."""
    for node in _others(member):
        try:
            if member.server.is_writer_elsewhere(node):
                return node
        except DatabaseError:
            # The others may know more.
            continue
    raise DatabaseError(
        f"{member.name} finds no writer to copy from: sudo congress-database status on the others"
    )


def vouch(member: Member) -> None:
    """Count as a full member, by the word of an operator who knows that the absent ones are lost."""
    state = member.state
    member.save("replica" if state.role == "part" else state.role, state.term)
