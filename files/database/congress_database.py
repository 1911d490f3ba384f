#!/usr/bin/python3
"""`congress-database`: the database's cluster, for an operator and for the steps of the stack."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping

from congress_database_copies import found, join, rebuild, vouch
from congress_database_look import Configuration, DatabaseError
from congress_database_member import Member, State

CLIENTS = """SELECT VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS
WHERE VARIABLE_NAME = 'RPL_SEMI_SYNC_MASTER_CLIENTS'"""


def status(member: Member) -> None:
    """Lines of `name value`: of this member, and what the cluster says of all."""
    look, state = member.server.look(), State.read(member.configuration)
    print(f"name\t{member.name}")
    print(f"role\t{'writer' if look.writable else 'replica'}")
    print(f"kept\t{state.role if state else 'nothing'}")
    print(f"number\t{look.number}")
    print(f"lag\t{look.lag}")
    print(f"clients\t{member.server.sql(CLIENTS)}")
    for node, word in sorted(member.cluster.states().items()):
        print(f"state\t{node}\t{word}")


def require_writer(member: Member) -> None:
    if not member.server.look().writable:
        raise DatabaseError(f"{member.name} is not the writer")


COMMANDS: Mapping[str, tuple[Callable[[Member], None], str]] = {
    "status": (status, "what this member is, and what the cluster knows of all"),
    "is-writer": (require_writer, "whether this member takes writes"),
    "rebuild": (rebuild, "replace this member's data by the writer's"),
    "vouch": (vouch, "count as a full member, after the absent ones are known to be lost"),
    "found": (found, "become the first writer (for the stack's own step)"),
    "join": (join, "get a copy of the database, if there is none (for the stack's own step)"),
}


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="congress-database", description="The database on this host of its cluster."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for name, (_, described) in COMMANDS.items():
        commands.add_parser(name, help=described)
    run = COMMANDS[parser.parse_args().command][0]
    try:
        run(Member(Configuration.read()))
    except DatabaseError as error:
        print(f"congress-database: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
