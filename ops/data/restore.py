"""Replaces the database of a deployment by that of a backup, or by a dump that lies on the database's host.

Everything is checked before anything stops. Then what is there is dumped; if a later step fails, it is put back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from ops.common.limits import Limits
from ops.common.progress import Progress
from ops.data import archive
from ops.data.backup import deployed, told
from ops.data.database import FOLDER, INCOMING, CongressDatabase, first_reached, fits
from ops.data.dump import DatabaseError
from ops.data.services import Services
from ops.ssh.commands import HostError, Hosts, connected
from ops.stack.outputs import Stack
from roles import DATABASE, DATASOURCE_NODE

KIND = "before-restore"


class RestoreError(DatabaseError):
    """The restore failed; the text says what the deployment has now."""


class Restore:
    """One restore into a deployment whose hosts are all reached. `database`: which nobody else works on."""

    def __init__(self, hosts: Hosts, stack: Stack, database: CongressDatabase, progress: Progress) -> None:
        self.progress, self.database = progress, database
        self.services = Services(hosts, stack, database.congress, progress)

    def from_backup(self, backup: archive.Backup, file: Path) -> None:
        manifest = backup.manifest
        fits(self.database.software(), manifest.schema_revision, str(file))
        self.progress.say(
            f"{file}: stack {manifest.stack}, {manifest.written:%Y-%m-%d %H:%M} UTC,"
            f" Congress {manifest.congress}, schema {manifest.schema_revision}"
        )
        self.progress.begin("sends the dump to the database's host")
        try:
            name = self.database.receive(backup.dump, manifest.sha256[archive.DUMP])
            self.check(name, manifest.schema_revision, backup.key)
            self.load(name, backup.key)
        finally:
            self.discard()

    def from_dump(self, name: str) -> None:
        """A dump of this deployment itself, whose secrets are encrypted by its own key."""
        name = name.removeprefix(f"{FOLDER}/")
        if name not in (kept := self.database.kept()):
            raise DatabaseError(
                f"no dump {name} in {FOLDER} on the database's host; there: {', '.join(kept) or 'none'}"
            )
        revision = self.database.revision_of(name)
        fits(self.database.software(), revision, name)
        try:
            held = self.database.hold(name)
            self.check(held, revision)
            self.load(held, None)
        finally:
            self.discard()

    def check(self, name: str, revision: str, *keys: str) -> None:
        """Raises DatabaseError for a dump that cannot be loaded, or has secrets that no key opens."""
        self.progress.begin("loads the dump into a schema of its own, to see that it can be loaded")
        checked = self.database.check_kept(name)
        if checked.why_not:
            raise DatabaseError(f"{checked.why_not}: make room there first; nothing was changed")
        checked.require(revision, *keys, archive.checked_key(self.database.key()))

    def discard(self) -> None:
        """Remove what was only to be loaded; a host that does not let it is no reason to hide how the restore ended."""
        try:
            self.database.discard()
        except HostError as error:
            self.progress.say(f"{FOLDER}/{INCOMING} stays until the next restore: {error}")

    def load(self, name: str, key: str | None) -> None:
        with self.progress.guarded():
            unfinished = self.database.unfinished()
            if unfinished:
                self.progress.say(
                    f"an earlier restore was cut off: what was there before it is in {FOLDER}/{unfinished}"
                )
            with self._put_back(unfinished) as touches:
                self.database.require_lock()
                self.services.stop()
                # Not before: a rule that is answered while they stop must be in it.
                kept = unfinished or self._keep()
                self.progress.begin("loads the dump")
                touches(kept)
                self.database.begin(kept)
                self.database.load(name)
                self.progress.begin("encrypts the datasources' secrets by this deployment's key")
                self.database.reencrypt(key)
                self.progress.begin("migrates the schema")
                self.database.migrate()
                self.database.done()
                self.services.start()

    def _keep(self) -> str | None:
        self.progress.begin("dumps what is there")
        kept = self.database.keep(KIND)
        self.progress.say(f"kept on the database's host: {FOLDER}/{kept}" if kept else "there are no tables")
        return kept

    @contextmanager
    def _put_back(self, unfinished: str | None) -> Iterator[Callable[[str | None], None]]:
        """Yields what is to be called before the database is touched: if it fails later, what was kept is put back."""
        # By the restore that was cut off.
        touched: list[str | None] = [unfinished] if unfinished else []
        try:
            yield touched.append
        except Exception as error:
            self.progress.go_on()
            kept = touched[-1] if touched else None
            self._require_lock(error, kept)
            self.progress.say(f"{error}; puts back what was there")
            try:
                if touched:
                    self.services.stop()
                    self._put(kept)
                self.services.start()
            except Exception as again:
                way_out = f"make restore DUMP={kept}" if kept else "this restore again"
                raise RestoreError(
                    f"{error}. And what was there could not be put back: {again}. When that is mended: {way_out}"
                ) from again
            state = "as it was" if kept or not touched else "empty, as it was"
            raise RestoreError(
                f"{error}. Nothing was restored: the services run again, the database is {state}"
            ) from error

    def _require_lock(self, error: Exception, kept: str | None) -> None:
        """Raises RestoreError without it: the services and the database may be another restore's by now."""
        try:
            self.database.require_lock()
        except HostError as lost:
            way_out = f"make restore DUMP={kept}" if kept else "this restore again"
            raise RestoreError(
                f"{error}. And nothing was put back or started: {lost}. Where another restore ended well meanwhile,"
                f" leave it; else, when that is mended: {way_out}"
            ) from lost

    def _put(self, kept: str | None) -> None:
        """Put the database back as it was: what was kept, or no tables but those that every Congress has."""
        if kept:
            self.progress.begin(f"loads {kept}")
            self.database.load(kept)
        else:
            self.progress.begin("empties the database")
            self.database.empty()
            self.database.migrate()
        self.database.done()


@contextmanager
def begun(hosts: Hosts, stack: Stack, progress: Progress) -> Iterator[Restore]:
    """A restore, while nobody else works on the database. Raises HostError."""
    member = first_reached(hosts, stack, DATASOURCE_NODE.name, "crm_mon -1 > /dev/null")
    for engine in stack.engines:
        if not hosts.reached(engine.host):
            raise HostError(f"{engine.host} was not reached, and what runs there must stop: make status")
    database = CongressDatabase(hosts, first_reached(hosts, stack, DATABASE.name), member)
    database.bring()
    with database.locked(progress) as locked:
        yield Restore(hosts, stack, locked, progress)


def restore(
    stack: Stack, outputs: Mapping[str, Any], source: Callable[[Restore], None], progress: Progress
) -> None:
    """`source` loads what is to be there. Raises ArchiveError, DatabaseError, HostError."""
    with connected(outputs, Limits.here()) as hosts:
        progress.begin("looks at the deployment")
        with begun(hosts, stack, progress) as into:
            source(into)
    progress.say("done: the datasource node serves the bus, and every engine its clients")


def main(
    file: Annotated[Path | None, typer.Argument(metavar="FILE", resolve_path=True)] = None,
    dump: Annotated[str | None, typer.Option(metavar="NAME", help="of a dump on the database's host")] = None,
) -> None:
    """Replace the database of stack $STACK (default: dev) by FILE, a backup, or by a dump on the database's host."""
    progress = Progress("restore")
    with told("restore"):
        if file is not None and dump is None:
            with archive.read(file) as backup:
                restore(*deployed(), lambda into: into.from_backup(backup, file), progress)
        elif dump is not None and file is None:
            restore(*deployed(), lambda into: into.from_dump(dump), progress)
        else:
            raise DatabaseError("name one: make restore FILE=a-backup, or DUMP=a-dump-on-the-database's-host")


if __name__ == "__main__":
    typer.run(main)
