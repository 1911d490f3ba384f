"""`congress-ha restore`: replaces a deployment's database by a backup, or by a dump on the database host.

Everything is checked before a service stops. Then the current database is dumped. If a later step fails, that dump is
loaded again.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from ops.common.limits import Limits
from ops.common.progress import Progress
from ops.data import archive
from ops.data.backup import read_deployment, reported
from ops.data.content import content_if_any
from ops.data.database import (
    FOLDER,
    INCOMING,
    CongressDatabase,
    database_of,
    first_reachable,
)
from ops.data.dump import DatabaseError, require_known_revision
from ops.data.services import Services
from ops.ssh.commands import HostError, Hosts, connected
from ops.stack.outputs import Stack
from roles import DATASOURCE_NODE

KIND = "before-restore"
RESTORE_THERE = (
    "restore it there, while no engine and no datasource node runs (docs/operate.md, Services that you have)"
)


class RestoreError(DatabaseError):
    """The restore failed. The text describes the state of the deployment."""


class Restore:
    """One restore into a deployment whose hosts are all reachable. `database`: locked."""

    def __init__(self, hosts: Hosts, stack: Stack, database: CongressDatabase, progress: Progress) -> None:
        self.progress, self.database, self.stack = progress, database, stack
        self.services = Services(hosts, stack, database.congress, progress, database.require_lock)

    def from_backup(self, backup: archive.Backup, file: Path) -> None:
        manifest = backup.manifest
        require_known_revision(self.database.software(), manifest.schema_revision, str(file))
        self.progress.say(
            f"{file}: stack {manifest.stack}, {manifest.written:%Y-%m-%d %H:%M} UTC,"
            f" Congress {manifest.congress}, schema {manifest.schema_revision}"
        )
        self._require_own_or_fresh(manifest.stack, file)
        self.progress.begin("sending the dump to the database host")
        try:
            name = self.database.receive(backup.dump, manifest.sha256[archive.DUMP])
            self.check(name, manifest.schema_revision, backup.key)
            self.load(name, backup.key)
        finally:
            self.discard()

    def _require_own_or_fresh(self, origin: str, file: Path) -> None:
        """Raises DatabaseError for a backup of another stack, unless this one has no data of its own yet."""
        present = content_if_any(self.database.hosts, self.database.host)
        if origin != self.stack.name and present is not None and not present.is_initial:
            raise DatabaseError(
                f"{file} is a backup of stack {origin}, and stack {self.stack.name} has data of its own, {present}: "
                f"make restore STACK={origin} FILE=..., or restore it into a stack that has just been made; nothing "
                "was changed"
            )

    def from_dump(self, name: str) -> None:
        """Load a dump of this deployment, whose secrets are encrypted with its own key."""
        name = name.removeprefix(f"{FOLDER}/")
        dumps = self.database.dumps_on_host()
        if name not in dumps and (host := self._other_host_with(name)) is not None:
            raise DatabaseError(
                f"{name} is on {host}, which took the writes then: "
                f"make ssh HOST={host} ARGS='sudo congress-database take', then run this again"
            )
        if name not in dumps:
            raise DatabaseError(
                f"no dump {name} in {FOLDER} on the database host; there are: {', '.join(dumps) or 'none'}"
            )
        revision = self.database.revision_of(name)
        require_known_revision(self.database.software(), revision, name)
        try:
            pinned = self.database.pin(name)
            self.check(pinned, revision)
            self.load(pinned, None)
        finally:
            self.discard()

    def _other_host_with(self, name: str) -> str | None:
        """Another host of the database that has the dump: each is made where the writer is at that moment."""
        hosts, others = self.database.hosts, self.database.others
        has_it = f"test -e {shlex.quote(f'{FOLDER}/{name}')}"
        return next((host for host in others if hosts.is_reachable(host, has_it)), None)

    def check(self, name: str, revision: str, *keys: str) -> None:
        """Raises DatabaseError for a dump that cannot be loaded, or has secrets that no key decrypts."""
        self.progress.begin("trial load of the dump into a separate schema")
        trial = self.database.check_dump_on_host(name)
        if trial.why_not:
            raise DatabaseError(f"{trial.why_not}: free space there first; nothing was changed")
        trial.require(revision, *keys, archive.checked_key(self.database.key()))

    def discard(self) -> None:
        """Remove the received dump. A failure is only reported, so that it does not hide how the restore ended."""
        try:
            self.database.discard()
        except HostError as error:
            self.progress.say(f"{FOLDER}/{INCOMING} stays until the next restore: {error}")

    def load(self, name: str, key: str | None) -> None:
        with self.progress.guarded():
            interrupted = self.database.interrupted_restore()
            if interrupted:
                self.progress.say(
                    f"an earlier restore was interrupted: the database before it is in {FOLDER}/{interrupted}"
                )
            with self._roll_back_on_failure(interrupted) as will_change:
                self.database.require_lock()
                self.services.stop()
                # After the stop, so that the dump contains every change that an engine has confirmed.
                dump_name = interrupted or self._dump_current()
                self.progress.begin("loading the dump")
                will_change(dump_name)
                self.database.mark_incomplete(dump_name)
                self.database.load(name)
                self.progress.begin("encrypting the datasources' secrets with this deployment's key")
                self.database.reencrypt(key)
                self.progress.begin("migrating the schema")
                self.database.migrate()
                self.database.mark_complete()
                self.services.start()

    def _dump_current(self) -> str | None:
        self.progress.begin("dumping the current database")
        dump_name = self.database.dump_on_host(KIND)
        self.progress.say(
            f"saved on the database host: {FOLDER}/{dump_name}" if dump_name else "there are no tables"
        )
        return dump_name

    @contextmanager
    def _roll_back_on_failure(self, interrupted: str | None) -> Iterator[Callable[[str | None], None]]:
        """Yields a function to call with the dump's name before the first change: an error after it loads that dump."""
        # An interrupted restore has already changed the database.
        changed: list[str | None] = [interrupted] if interrupted else []
        try:
            yield changed.append
        except Exception as error:
            self.progress.ignore_signals()
            dump_name = changed[-1] if changed else None
            self._require_lock(error, dump_name)
            self.progress.say(f"{error}; restoring the previous state")
            try:
                if changed:
                    self.services.stop()
                    self._roll_back(dump_name)
                self.services.start()
            except Exception as again:
                way_out = f"make restore DUMP={dump_name}" if dump_name else "this restore again"
                raise RestoreError(
                    f"{error}. The previous state could not be restored either: {again}. When that is repaired:"
                    f" {way_out}"
                ) from again
            state = "as it was" if dump_name or not changed else "empty, as it was"
            raise RestoreError(
                f"{error}. Nothing was restored: the services run again, the database is {state}"
            ) from error

    def _require_lock(self, error: Exception, dump_name: str | None) -> None:
        """Raises RestoreError if the lock was lost: another restore may be using services and database by now."""
        try:
            self.database.require_lock()
        except HostError as lost:
            way_out = f"make restore DUMP={dump_name}" if dump_name else "this restore again"
            raise RestoreError(
                f"{error}. Nothing was restored or started: {lost}. If another restore has succeeded meanwhile, there"
                f" is nothing to do; otherwise, when that is repaired: {way_out}"
            ) from lost

    def _roll_back(self, dump_name: str | None) -> None:
        """Restore the previous database: load its dump, or make an empty schema if there were no tables."""
        if dump_name:
            self.progress.begin(f"loading {dump_name}")
            self.database.load(dump_name)
        else:
            self.progress.begin("emptying the database")
            self.database.empty()
            self.database.migrate()
        self.database.mark_complete()


@contextmanager
def prepared(hosts: Hosts, stack: Stack, progress: Progress) -> Iterator[Restore]:
    """A restore with a locked database, after a check of all hosts. Raises HostError."""
    member = first_reachable(hosts, stack, DATASOURCE_NODE, "crm_mon -1 > /dev/null")
    for engine in stack.engines:
        if not hosts.is_reachable(engine.host):
            raise HostError(f"{engine.host} is unreachable, but its engines must stop: make status")
    database = database_of(hosts, stack, member)
    database.install_programs()
    with database.locked(progress) as locked:
        yield Restore(hosts, stack, locked, progress)


def restore(
    stack: Stack, outputs: Mapping[str, Any], source: Callable[[Restore], None], progress: Progress
) -> None:
    """Restore the database. `source` loads the new content. Raises ArchiveError, DatabaseError, HostError."""
    with connected(outputs, Limits.for_this_machine()) as hosts:
        progress.begin(f"checking stack {stack.name}")
        with prepared(hosts, stack, progress) as into:
            source(into)
    progress.say("done: the datasource node serves the bus, and every engine serves clients")
    if "policies" in outputs:
        progress.say(
            "the stack declares policies: make verify shows what differs in the restored database (docs/policies.md)"
        )


def main(
    file: Annotated[Path | None, typer.Argument(metavar="FILE", resolve_path=True)] = None,
    dump: Annotated[
        str | None, typer.Option(metavar="NAME", help="name of a dump on the database host")
    ] = None,
) -> None:
    """Replace the database of stack $STACK (default: dev) by a backup FILE or a dump on the database host."""
    progress = Progress("restore")
    with reported("restore"):
        if file is not None and dump is None:
            with archive.read(file) as backup:
                restore(
                    *read_deployment(RESTORE_THERE), lambda into: into.from_backup(backup, file), progress
                )
        elif dump is not None and file is None:
            restore(*read_deployment(RESTORE_THERE), lambda into: into.from_dump(dump), progress)
        else:
            raise DatabaseError("name one: make restore FILE=a-backup, or DUMP=a-dump-on-the-database's-host")
