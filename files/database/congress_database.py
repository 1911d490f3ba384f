#!/usr/bin/python3 -S
"""`congress-database`: the database's cluster, for an operator and for the steps of the stack."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from congress_database_alone import alone, take
from congress_database_copies import found, join, rebuild, vouch
from congress_database_look import Configuration, DatabaseError
from congress_database_member import Member
from congress_database_records import State

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


def report(member: Member) -> None:
    if os.environ.get("SERVICE_RESULT") == "success":
        return
    if not Path(member.configuration.cluster_key).exists():
        if member.state.role == "writer":
            run_later("found")
        return
    if not member.mandate.allows_restart:
        # Otherwise an action of Pacemaker's has seen the end already, and starts MariaDB again.
        if not member.mandate.is_locked:
            member.ended()
        return
    try:
        run_later("resume")
    except DatabaseError:
        member.ended()
        raise


def run_later(command: str) -> None:
    """Run a command of this program. MariaDB's unit cannot start before its end is over, and this is a part of it."""
    own = ("/usr/local/sbin/congress-database", command)
    try:
        subprocess.run(["systemd-run", "--quiet", "--collect", "--no-block", *own], timeout=10, check=True)
    except subprocess.SubprocessError as error:
        raise DatabaseError(f"MariaDB is not started again here: {error}") from None


def resume(member: Member) -> None:
    with member.mandate.lock():
        try:
            member.resume()
        except DatabaseError:
            member.cluster.report()
            raise


COMMANDS: Mapping[str, tuple[Callable[[Member], None], str]] = {
    "status": (status, "what this member is, and what the cluster knows of all"),
    "is-writer": (require_writer, "whether this member takes writes"),
    "rebuild": (rebuild, "replace this member's data by the writer's"),
    "vouch": (vouch, "count as a full member, after the absent ones are known to be lost"),
    "starts": (Member.unit_starts, "note that MariaDB starts (for MariaDB's own unit)"),
    "report": (report, "act on MariaDB's end by itself (for MariaDB's own unit)"),
    "resume": (resume, "start the writer's MariaDB again, if Pacemaker wants it here (for `report`)"),
    "take": (take, "become the writer; the present one stays as a replica"),
    "alone": (alone, "become the only host of the database (for the stack's own step)"),
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
    described = "whether a lost member can acknowledge no write, even if it runs (for its fence device)"
    commands.add_parser("harmless", help=described).add_argument("member")
    arguments = parser.parse_args()
    try:
        member = Member(Configuration.read())
        if arguments.command == "harmless":
            member.require_harmless(arguments.member)
        else:
            COMMANDS[arguments.command][0](member)
    except DatabaseError as error:
        print(f"congress-database: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
