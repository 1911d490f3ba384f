"""Writes a backup file of one small dump, and says why a file is refused as a backup."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from ops.data import archive
from ops.data.archive import ArchiveError

WRITTEN = datetime(2026, 11, 25, 16, 0, 30, tzinfo=UTC)
ENCRYPTION_KEY = Fernet.generate_key().decode()
SQL = b"CREATE TABLE `t` (`x` text);\nINSERT INTO `t` VALUES ('\xff\x00\\n');\n" * 50


def write(file: Path, sql: bytes = SQL, key: str = ENCRYPTION_KEY) -> None:
    with tempfile.TemporaryFile() as dump:
        dump.write(sql)
        archive.write(
            file, dump, key, written=WRITTEN, stack="dev", congress="11.0.0", revision="c0125080d572"
        )


def refusal(file: Path) -> str:
    with pytest.raises(ArchiveError) as refused, archive.read(file):
        pass
    return str(refused.value)
