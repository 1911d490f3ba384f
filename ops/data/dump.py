"""A dump of Congress's database: its file name on the database host, its schema revision, and its trial load."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import IO

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from ops.remote.reencrypt import rotated

NAME = re.compile(r"[a-z-]+-\d{8}T\d{6}Z\.sql\.gz")
# A row as mariadb-dump writes it. Older versions write it on one line.
REVISION = re.compile(r"INSERT INTO `alembic_version` VALUES\s*\('([0-9a-z]+)'\)")


class DatabaseError(Exception):
    """A dump cannot be loaded into this deployment. The text says why."""


@dataclass(frozen=True)
class TrialLoad:
    """Result of a trial load. `datasources`: name -> config (JSON) as Congress stores it.

    `why_not`: why the dump was not loaded, such as too little room; "" if it was.
    """

    tables: int = 0
    revision: str = ""
    datasources: Mapping[str, str] = field(default_factory=dict)
    why_not: str = ""

    def require(self, revision: str, *keys: str) -> None:
        """Raises DatabaseError unless the dump has that revision and one of the keys decrypts each of its secrets."""
        if self.revision != revision:
            raise DatabaseError(f"the dump has schema revision {self.revision}, not {revision}")
        keyring = MultiFernet([Fernet(key) for key in keys])
        for name, config in self.datasources.items():
            try:
                rotated(config, keyring)
            except (InvalidToken, ValueError, KeyError, AttributeError):
                raise DatabaseError(f"the key does not decrypt the secrets of datasource {name}") from None

    def __str__(self) -> str:
        return f"{self.tables} tables, {len(self.datasources)} datasources"


def parse_trial_load(output: str) -> TrialLoad:
    """Read what files/database/congress-load printed."""
    first, *others = output.splitlines()
    kind, _, detail = first.partition(" ")
    if kind != "loaded":
        return TrialLoad(why_not=detail)
    tables, revision = detail.split()
    datasources = {}
    for line in others:
        _, name, config = line.split("\t")
        datasources[bytes.fromhex(name).decode()] = bytes.fromhex(config).decode()
    return TrialLoad(int(tables), revision, datasources)


def revision(sql: str) -> str:
    """Schema revision in the text of a dump. Raises DatabaseError."""
    match = REVISION.search(sql)
    if match is None:
        raise DatabaseError(
            "the dump contains no revision of Congress's schema: it is not a dump of Congress's database"
        )
    return match[1]


def revision_in(dump: IO[bytes]) -> str:
    """Schema revision of a dump. Rewinds the file before and after. Raises DatabaseError."""
    dump.seek(0)
    for line in dump:
        if line.startswith(b"INSERT INTO `alembic_version`"):
            match = revision((line + dump.readline(1024)).decode(errors="replace"))
            dump.seek(0)
            return match
    return revision("")


@dataclass(frozen=True)
class Software:
    """The deployment's Congress: its version, and the schema revisions that it supports."""

    congress: str
    revisions: frozenset[str]


def require_known_revision(software: Software, wanted: str, of: str) -> None:
    """Raises DatabaseError if the deployment's Congress does not support the schema revision `wanted` of `of`."""
    if wanted not in software.revisions:
        raise DatabaseError(
            f"{of} has schema revision {wanted}, which this deployment's Congress {software.congress} does not"
            " support: deploy at least the version of Congress that made it first"
        )
