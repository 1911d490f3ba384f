"""Writes the database and Congress's encryption key into one file of the operator. Stops nothing."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Annotated, Any

import typer

from tools import archive
from tools.congress_database import CongressDatabase, DatabaseError, first_reached, revision_in
from tools.hosts import HostError, connected
from tools.limits import Limits
from tools.progress import Progress, StoppedError, ended_in_order
from tools.stack import Stack, StackError, parse, read_outputs

# A disk with less room is full, in bytes.
LEAST = 64 * 1024
PROBLEMS = (archive.ArchiveError, DatabaseError, HostError, StoppedError)


@contextmanager
def told(tool: str) -> Iterator[None]:
    """A problem becomes one line, with exit code 1, or 2 where there is no deployment. So does a signal to end."""
    try:
        with ended_in_order():
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
    # Beside the file, so that one disk has to have the room, and no other one ever has the data. It has no name.
    with connected(outputs, Limits.here()) as hosts, _unnamed(file.parent) as dump:
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
        try:
            database.dump_into(dump)
        except HostError:
            # ssh tells a write that failed here as a connection that was lost.
            if shutil.disk_usage(file.parent).free < LEAST:
                raise archive.ArchiveError(
                    f"{file} cannot be written: the disk of {file.parent} is full"
                ) from None
            raise
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


def _unnamed(folder: Path) -> IO[bytes]:
    try:
        return tempfile.TemporaryFile(dir=folder)
    except OSError as error:
        raise archive.ArchiveError(
            f"no file can be written in the folder {folder}: {error.strerror}"
        ) from None


def main(file: Annotated[Path, typer.Argument(metavar="FILE")]) -> None:
    """Write a backup of stack $STACK (default: dev) into FILE, which must not exist yet."""
    with told("backup"):
        archive.refuse_existing(file)
        stack, outputs = deployed()
        backup(stack, outputs, file, Progress("backup"))


if __name__ == "__main__":
    typer.run(main)
