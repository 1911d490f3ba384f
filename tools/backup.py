"""Writes the database and Congress's encryption key into one file of the operator. Stops nothing."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from tools import archive
from tools.congress_database import CongressDatabase, DatabaseError, first_reached, revision_in
from tools.hosts import HostError, connected
from tools.limits import Limits
from tools.progress import Progress, StoppedError
from tools.stack import Stack, StackError, parse, read_outputs

PROBLEMS = (archive.ArchiveError, DatabaseError, HostError, StoppedError)


@contextmanager
def told(tool: str) -> Iterator[None]:
    """A problem becomes one line, with exit code 1, or 2 where there is no deployment."""
    try:
        yield
    except StackError as error:
        typer.echo(f"{tool}: {error}", err=True)
        raise typer.Exit(2) from None
    except PROBLEMS as error:
        typer.echo(f"{tool}: {error}", err=True)
        raise typer.Exit(1) from None


def deployed() -> tuple[Stack, Mapping[str, Any]]:
    """Stack $STACK and its outputs. Raises StackError."""
    outputs = read_outputs()
    return parse(os.environ.get("STACK", "dev"), outputs), outputs


def backup(stack: Stack, outputs: Mapping[str, Any], file: Path, progress: Progress) -> None:
    """Raises ArchiveError, DatabaseError, HostError; then there is no file."""
    with connected(outputs, Limits.here()) as hosts, tempfile.TemporaryFile() as dump:
        progress.begin("looks at the deployment")
        database = CongressDatabase(
            hosts,
            first_reached(hosts, stack, "database"),
            first_reached(hosts, stack, "datasource-node"),
        )
        database.can_dump()
        software = database.software()
        key = archive.checked_key(database.key())
        progress.begin("dumps the database")
        database.dump_into(dump)
        progress.begin(f"writes {file}")
        archive.write(
            file,
            dump,
            key,
            written=datetime.now(UTC),
            stack=stack.name,
            congress=software.congress,
            revision=revision_in(dump),
        )
    progress.say(f"done: {file.stat().st_size} bytes. Whoever has it can read the datasources' passwords.")


def main(file: Annotated[Path, typer.Argument(metavar="FILE")]) -> None:
    """Write a backup of stack $STACK (default: dev) into FILE, which must not exist yet."""
    with told("backup"):
        archive.refuse_existing(file)
        stack, outputs = deployed()
        backup(stack, outputs, file, Progress("backup"))


if __name__ == "__main__":
    typer.run(main)
