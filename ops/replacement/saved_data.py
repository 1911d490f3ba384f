"""The data of a database host that is replaced: kept in a file of the operator, loaded again, and compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from ops.common.progress import Progress
from ops.data import archive
from ops.data.backup import backup, looked_at
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
# "classification" and "action", which the first engine makes (congress/policy_engines/agnostic.py).
OWN_POLICIES = 2
TABLES = """SELECT COUNT(*) FROM information_schema.TABLES
WHERE TABLE_SCHEMA = "congress" AND TABLE_NAME IN ("policies", "policy_rules", "datasources")"""


@dataclass(frozen=True)
class Content:
    """What the database holds: rows of each kind, and a digest of all of them."""

    rows: Mapping[str, int]
    digest: str

    @property
    def blank(self) -> bool:
        """Whether it is what Congress itself writes into an empty database."""
        return self.rows["policies"] <= OWN_POLICIES and not self.rows["rules"] + self.rows["datasources"]

    def __str__(self) -> str:
        return ", ".join(f"{count} {kind}" for kind, count in self.rows.items())


@dataclass(frozen=True)
class KeptData:
    """`host` is the database's."""

    stack: Stack
    outputs: Mapping[str, Any]
    hosts: Hosts
    host: str
    progress: Progress

    def keep(self) -> tuple[Path, Content]:
        """Stop whoever writes, once it is seen that a backup can be made, and write it.

        Raises HostError, ArchiveError, DatabaseError.
        """
        FOLDER.mkdir(mode=0o700, exist_ok=True)
        file = FOLDER / f"{short(self.stack.name)}-database-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.tar.gz"
        archive.refuse_existing(file)
        looked_at(self.hosts, self.stack)
        member = next(host for host, known in self.stack.hosts.items() if known.role == DATASOURCE_NODE.name)
        services = Services(self.hosts, self.stack, member, self.progress)
        try:
            services.stop()
            content = self.content()
            backup(self.stack, self.outputs, file, self.progress)
        except BaseException as error:
            self.progress.say(f"{str(error) or 'interrupted'}; what was stopped starts again")
            services.start()
            raise
        self.progress.say(f"{content} are in {file}; it stays there")
        return file, content

    def load(self, file: Path, expected: str) -> None:
        """Load the file into the new database, start what was stopped. `expected`: a digest, "" if none is known.

        Raises HostError, ArchiveError, DatabaseError.
        """
        if reason := self.in_the_way(file, expected):
            raise DatabaseError(reason)
        with archive.read(file) as kept:
            restore(self.stack, self.outputs, lambda into: into.from_backup(kept, file), self.progress)
        content = self.content()
        if expected not in {"", content.digest}:
            raise DatabaseError(f"the database does not hold what {file} was made of; it has {content}")
        self.progress.say(f"{content} are there")

    def in_the_way(self, file: Path, expected: str) -> str:
        """Why the file must not be loaded: what the new database has by now would be lost. "" if it may."""
        if self.hosts.run(self.host, f"mariadb --skip-column-names --batch -e '{TABLES}'") != str(
            len(CONTENT)
        ):
            return ""
        there = self.content()
        if there.blank or there.digest == expected:
            return ""
        return (
            f"the new database has data already, {there}, and it is not what was kept in {file}: "
            f"make restore FILE={file} has that in its place"
        )

    def content(self) -> Content:
        seen = {
            kind: self.hosts.run(self.host, f"mariadb --skip-column-names --batch congress -e '{query}'")
            for kind, query in CONTENT.items()
        }
        rows = {kind: len(text.splitlines()) for kind, text in seen.items()}
        return Content(rows, sha256("\0".join(seen.values()).encode()).hexdigest())
