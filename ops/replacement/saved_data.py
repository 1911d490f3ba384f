"""The data of a database host that is replaced: saved to a backup file, loaded into the new server, and compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from ops.common.progress import Progress
from ops.data import archive
from ops.data.backup import backup, prepare
from ops.data.dump import DatabaseError
from ops.data.restore import restore
from ops.data.services import Services
from ops.ssh.commands import Hosts
from ops.stack.outputs import ROOT, Stack, short
from roles import DATASOURCE_NODE

FOLDER = ROOT / "backups"
CONTENT = {
    "policies": "SELECT id, name FROM policies ORDER BY id",
    "rules": "SELECT id, rule FROM policy_rules ORDER BY id",
    "datasources": "SELECT id, name FROM datasources ORDER BY id",
}
# The policies "classification" and "action", which the first engine creates (congress/policy_engines/agnostic.py).
OWN_POLICIES = 2
TABLES = """SELECT COUNT(*) FROM information_schema.TABLES
WHERE TABLE_SCHEMA = "congress" AND TABLE_NAME IN ("policies", "policy_rules", "datasources")"""


@dataclass(frozen=True)
class Content:
    """Content of the database: number of rows of each kind, and a digest of all of them."""

    rows: Mapping[str, int]
    digest: str

    @property
    def is_initial(self) -> bool:
        """Whether it is only what Congress itself writes into an empty database."""
        return self.rows["policies"] <= OWN_POLICIES and not self.rows["rules"] + self.rows["datasources"]

    def __str__(self) -> str:
        return ", ".join(f"{count} {kind}" for kind, count in self.rows.items())


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
        if self.hosts.run(self.host, f"mariadb --skip-column-names --batch -e '{TABLES}'") != str(
            len(CONTENT)
        ):
            return ""
        present = self.content()
        if present.is_initial or present.digest == expected:
            return ""
        return (
            f"the new database already has data, {present}, which differs from what was saved in {file}: "
            f"make restore FILE={file} replaces it by the file's"
        )

    def content(self) -> Content:
        rows_of = {
            kind: self.hosts.run(self.host, f"mariadb --skip-column-names --batch congress -e '{query}'")
            for kind, query in CONTENT.items()
        }
        rows = {kind: len(text.splitlines()) for kind, text in rows_of.items()}
        return Content(rows, sha256("\0".join(rows_of.values()).encode()).hexdigest())
