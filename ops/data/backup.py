"""`congress-ha backup`: writes the database and Congress's encryption key into one file. Stops no service."""

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
from ops.common.progress import Progress, StoppedError, signals_raise
from ops.data import archive
from ops.data.database import CongressDatabase, database_of, first_reachable
from ops.data.dump import DatabaseError, Software, revision_in
from ops.ssh.commands import HostError, Hosts, connected
from ops.stack.outputs import Stack, StackError, parse
from ops.stack.pulumi import read_outputs
from ops.stack.reporting import reported_errors
from roles import DATABASE, DATASOURCE_NODE

BACK_UP_THERE = (
    "back it up there, and keep Congress's encryption key with it, without which nobody reads the datasources' secrets "
    "(docs/operate.md, Services that you have)"
)
# A disk with less free space, in bytes, counts as full.
FULL_BELOW = 64 * 1024
PROBLEMS = (archive.ArchiveError, DatabaseError, HostError, StoppedError)


@contextmanager
def reported(tool: str) -> Iterator[None]:
    """Turn errors and signals into one line and an exit code."""
    with reported_errors(tool, *PROBLEMS), signals_raise():
        yield


def read_deployment(way_out: str) -> tuple[Stack, Mapping[str, Any]]:
    """Stack $STACK and its outputs. Raises StackError, with `way_out` for a database that is the operator's own."""
    outputs = read_outputs()
    stack = parse(os.environ.get("STACK", "dev"), outputs)
    if yours := stack.yours(DATABASE):
        raise StackError(f"{yours}: {way_out}")
    return stack, outputs


def backup(stack: Stack, outputs: Mapping[str, Any], file: Path, progress: Progress) -> None:
    """Back up the database into a new file. Raises ArchiveError, DatabaseError, HostError; then no file is written."""
    # The dump is an anonymous file beside the backup, so only that disk needs room and gets the data.
    with connected(outputs, Limits.for_this_machine()) as hosts, _anonymous_file(file.parent) as dump:
        progress.begin(f"checking stack {stack.name}")
        unlocked, software, key = prepare(hosts, stack)
        with unlocked.locked(progress) as database:
            progress.begin("dumping the database")
            _dump(database, dump, file)
            revision = revision_in(dump)
            progress.begin("trial load of the dump into a separate schema")
            trial = database.check(dump)
        if not trial.why_not:
            trial.require(revision, key)
        progress.begin(f"writing {file}")
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
        f"NOT checked by a trial load: {trial.why_not}"
        if trial.why_not
        else f"checked by a trial load: {trial}, and the key decrypts their secrets"
    )
    progress.say(
        f"done: {file.stat().st_size} bytes. Whoever has the file can read the datasources' passwords."
    )


def prepare(hosts: Hosts, stack: Stack) -> tuple[CongressDatabase, Software, str]:
    """Check the deployment and install the programs: its database, Congress's version, the encryption key.

    Raises ArchiveError, DatabaseError, HostError.
    """
    unlocked = database_of(hosts, stack, first_reachable(hosts, stack, DATASOURCE_NODE))
    unlocked.require_whole()
    unlocked.install_programs()
    return unlocked, unlocked.software(), archive.checked_key(unlocked.key())


def _dump(database: CongressDatabase, dump: IO[bytes], file: Path) -> None:
    try:
        database.dump_into(dump)
    except HostError:
        # ssh's message about a failed local write does not name the disk.
        if shutil.disk_usage(file.parent).free < FULL_BELOW:
            raise archive.ArchiveError(
                f"{file} cannot be written: the disk of {file.parent} is full"
            ) from None
        raise


def _anonymous_file(folder: Path) -> IO[bytes]:
    try:
        return tempfile.TemporaryFile(dir=folder)
    except OSError as error:
        raise archive.ArchiveError(f"cannot write into the folder {folder}: {error.strerror}") from None


def main(name: Annotated[str, typer.Argument(metavar="FILE")] = "") -> None:
    """Write a backup of stack $STACK (default: dev) into FILE, which must not exist yet."""
    if not name:
        typer.echo("backup: name a file that does not exist yet: make backup FILE=...", err=True)
        raise typer.Exit(1)
    file = Path(name).resolve()
    with reported("backup"):
        archive.refuse_existing(file)
        stack, outputs = read_deployment(BACK_UP_THERE)
        backup(stack, outputs, file, Progress("backup"))
