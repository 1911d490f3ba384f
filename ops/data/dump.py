"""A dump of Congress's database: its name on the database's host, what its text tells, and what a trial load told."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import IO

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from ops.remote.reencrypt import rotated

NAME = re.compile(r"[a-z-]+-\d{8}T\d{6}Z\.sql\.gz")
# As mariadb-dump writes a row of it; older versions put it all on one line.
REVISION = re.compile(r"INSERT INTO `alembic_version` VALUES\s*\('([0-9a-z]+)'\)")


class DatabaseError(Exception):
    """What is to be loaded is not fit for this deployment; the text says why."""


@dataclass(frozen=True)
class Checked:
    """What a dump was when it was loaded: `datasources` by name, each with its config as Congress stores it.

    `why_not`: it was not loaded, for want of room.
    """

    tables: int = 0
    revision: str = ""
    datasources: Mapping[str, str] = field(default_factory=dict)
    why_not: str = ""

    def require(self, revision: str, *keys: str) -> None:
        """Raises DatabaseError unless it is of that revision, and each secret in it is encrypted by one of the keys."""
        if self.revision != revision:
            raise DatabaseError(f"the dump has schema revision {self.revision}, not {revision}")
        known = MultiFernet([Fernet(key) for key in keys])
        for name, config in self.datasources.items():
            try:
                rotated(config, known)
            except (InvalidToken, ValueError, KeyError, AttributeError):
                raise DatabaseError(f"the key does not open the secrets of datasource {name}") from None

    def __str__(self) -> str:
        return f"{self.tables} tables, {len(self.datasources)} datasources"


def checked(said: str) -> Checked:
    """From what congress-load printed."""
    first, *others = said.splitlines()
    kind, _, told = first.partition(" ")
    if kind != "loaded":
        return Checked(why_not=told)
    tables, revision = told.split()
    datasources = {}
    for line in others:
        _, name, config = line.split("\t")
        datasources[bytes.fromhex(name).decode()] = bytes.fromhex(config).decode()
    return Checked(int(tables), revision, datasources)


def revision(sql: str) -> str:
    """Schema revision in the text of a dump. Raises DatabaseError."""
    found = REVISION.search(sql)
    if found is None:
        raise DatabaseError(
            "the dump names no revision of Congress's schema: it is none of Congress's database"
        )
    return found[1]


def revision_in(dump: IO[bytes]) -> str:
    """Schema revision of a dump; the file is at its beginning before and after. Raises DatabaseError."""
    dump.seek(0)
    for line in dump:
        if line.startswith(b"INSERT INTO `alembic_version`"):
            found = revision((line + dump.readline(1024)).decode(errors="replace"))
            dump.seek(0)
            return found
    return revision("")
