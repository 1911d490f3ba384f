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

from ops.common.limits import Limits
from ops.common.progress import Progress, StoppedError, ended_in_order
from ops.data import archive
from ops.data.database import CongressDatabase, Software, first_reached
from ops.data.dump import DatabaseError, revision_in
from ops.ssh.commands import HostError, Hosts, connected
from ops.stack.outputs import Stack, StackError, parse
from ops.stack.pulumi import read_outputs
from roles import DATABASE, DATASOURCE_NODE

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
        there, software, key = looked_at(hosts, stack)
        with there.locked(progress) as database:
            progress.begin("dumps the database")
            _dump(database, dump, file)
            revision = revision_in(dump)
            progress.begin("loads the dump into a schema of its own, to see that it can be loaded")
            checked = database.check(dump)
        if not checked.why_not:
            checked.require(revision, key)
        progress.begin(f"writes {file}")
        archive.write(
            file,
            dump,
            key,
            written=datetime.now(UTC),
            stack=stack.name,
            congress=software.congress,
            revision=revision,
        )
    progress.say(
        f"NOT checked, nobody tried to load it: {checked.why_not}"
        if checked.why_not
        else f"checked: it was loaded, {checked}, and the key opens their secrets"
    )
    progress.say(f"done: {file.stat().st_size} bytes. Whoever has it can read the datasources' passwords.")


def looked_at(hosts: Hosts, stack: Stack) -> tuple[CongressDatabase, Software, str]:
    """What a backup needs of the deployment, and the encryption key. Raises ArchiveError, HostError."""
    there = CongressDatabase(
        hosts,
        first_reached(hosts, stack, DATABASE.name),
        first_reached(hosts, stack, DATASOURCE_NODE.name),
    )
    there.bring()
    return there, there.software(), archive.checked_key(there.key())


def _dump(database: CongressDatabase, dump: IO[bytes], file: Path) -> None:
    try:
        database.dump_into(dump)
    except HostError:
        # What ssh says of a write that failed here names no disk.
        if shutil.disk_usage(file.parent).free < LEAST:
            raise archive.ArchiveError(
                f"{file} cannot be written: the disk of {file.parent} is full"
            ) from None
        raise


def _unnamed(folder: Path) -> IO[bytes]:
    try:
        return tempfile.TemporaryFile(dir=folder)
    except OSError as error:
        raise archive.ArchiveError(
            f"no file can be written in the folder {folder}: {error.strerror}"
        ) from None


def main(name: Annotated[str, typer.Argument(metavar="FILE")] = "") -> None:
    """Write a backup of stack $STACK (default: dev) into FILE, which must not exist yet."""
    if not name:
        typer.echo("backup: name a file that does not exist yet: make backup FILE=...", err=True)
        raise typer.Exit(1)
    file = Path(name).resolve()
    with told("backup"):
        archive.refuse_existing(file)
        stack, outputs = deployed()
        backup(stack, outputs, file, Progress("backup"))


if __name__ == "__main__":
    typer.run(main)
