"""The data of a database host that is replaced: saved to a backup file, loaded into the new server, and compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ops.common.progress import Progress
from ops.data import archive
from ops.data.backup import backup, prepare
from ops.data.content import Content, content_if_any, content_of
from ops.data.database import CongressDatabase, first_reachable
from ops.data.dump import DatabaseError, require_known_revision
from ops.data.restore import restore
from ops.data.services import Services
from ops.ssh.commands import Hosts
from ops.stack.outputs import ROOT, Stack, short
from roles import DATASOURCE_NODE

FOLDER = ROOT / "backups"


@dataclass(frozen=True)
class SavedData:
    """`host`: the database host."""

    stack: Stack
    outputs: Mapping[str, Any]
    hosts: Hosts
    host: str
    progress: Progress

    def save(self) -> tuple[Path, Content]:
        """Check that a backup is possible, stop all that writes into the database, and write the backup.

        Returns the file and the saved content. Raises HostError, ArchiveError, DatabaseError.
        """
        FOLDER.mkdir(mode=0o700, exist_ok=True)
        file = FOLDER / f"{short(self.stack.name)}-database-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.tar.gz"
        archive.refuse_existing(file)
        prepare(self.hosts, self.stack)
        member = self.stack.hosts_of(DATASOURCE_NODE)[0]
        services = Services(self.hosts, self.stack, member, self.progress)
        try:
            services.stop()
            content = self.content()
            backup(self.stack, self.outputs, file, self.progress)
        except BaseException as error:
            self.progress.say(f"{str(error) or 'interrupted'}; starting the services again")
            services.start()
            raise
        self.progress.say(f"{content} are saved in {file}, which is not deleted")
        return file, content

    def require_loadable(self, file: Path) -> None:
        """Raises DatabaseError for a backup of another stack, or one that is too new for this stack's Congress."""
        with archive.read(file) as backup:
            manifest = backup.manifest
        if manifest.stack != self.stack.name:
            raise DatabaseError(f"{file} is a backup of stack {manifest.stack}, not of {self.stack.name}")
        member = first_reachable(self.hosts, self.stack, DATASOURCE_NODE)
        software = CongressDatabase(self.hosts, self.host, member).software()
        require_known_revision(software, manifest.schema_revision, str(file))

    def load(self, file: Path, expected: str) -> None:
        """Load the file into the new database and start the services.

        `expected`: digest of the saved content, "" if it is unknown. Raises HostError, ArchiveError, DatabaseError.
        """
        if reason := self.conflict(file, expected):
            raise DatabaseError(reason)
        with archive.read(file) as opened:
            restore(self.stack, self.outputs, lambda into: into.from_backup(opened, file), self.progress)
        content = self.content()
        if expected not in {"", content.digest}:
            raise DatabaseError(f"the database differs from what was saved in {file}; it has {content}")
        self.progress.say(f"{content} are loaded")

    def conflict(self, file: Path, expected: str) -> str:
        """Why loading the file would destroy newer data in the new database; "" if it would not."""
        present = content_if_any(self.hosts, self.host)
        if present is None or present.is_initial or present.digest == expected:
            return ""
        return (
            f"the new database already has data, {present}, which differs from what was saved in {file}: "
            f"make restore FILE={file} replaces it by the file's"
        )

    def content(self) -> Content:
        return content_of(self.hosts, self.host)
