"""Dumps in the database host's folder, which is a temporary folder here."""

from __future__ import annotations

import gzip
import tempfile
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from ops.data import database as congress_database
from ops.data.database import CongressDatabase
from ops.data.dump import DatabaseError
from ops.ssh.commands import Hosts

SAVED_DUMP = "before-migration-20261125T162228Z.sql.gz"
SQL = b"INSERT INTO `alembic_version` VALUES\n('c0125080d572');\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = tmp_path / "backups"
    made.mkdir()
    (made / SAVED_DUMP).write_bytes(gzip.compress(SQL))
    monkeypatch.setattr(congress_database, "FOLDER", str(made))
    # There is no MariaDB here; tests/render/test_load_lock.py tests the lock itself.
    monkeypatch.setattr(congress_database, "LOCK", """bash -c 'shift; exec "$@"' lock""")
    return made


@pytest.fixture
def database(hosts: Hosts, folder: Path) -> CongressDatabase:  # noqa: ARG001  the folder has to be there
    return CongressDatabase(hosts, "database", "datasource-1")


def send(database: CongressDatabase, sql: bytes, digest: str | None = None) -> str:
    with tempfile.TemporaryFile() as dump:
        dump.write(sql)
        return database.receive(dump, digest or sha256(sql).hexdigest())


def test_a_sent_dump_is_private_and_removed_afterwards(database: CongressDatabase, folder: Path) -> None:
    file = folder / send(database, b"sent")
    assert gzip.decompress(file.read_bytes()) == b"sent"
    assert file.stat().st_mode & 0o7777 == 0o600
    database.discard()
    assert [entry.name for entry in folder.iterdir()] == [SAVED_DUMP]


def test_a_dump_damaged_in_transfer_is_refused(database: CongressDatabase) -> None:
    with pytest.raises(DatabaseError, match="was damaged in transfer"):
        send(database, b"sent", sha256(b"other").hexdigest())


def test_the_dump_of_an_interrupted_restore_is_not_changed(database: CongressDatabase, folder: Path) -> None:
    """Seen: the next restore wrote through the link that an interrupted one had left behind."""
    database.pin(SAVED_DUMP)
    send(database, b"sent")
    assert gzip.decompress((folder / SAVED_DUMP).read_bytes()) == SQL


def test_a_pinned_dump_survives_its_removal(database: CongressDatabase, folder: Path) -> None:
    pinned = database.pin(SAVED_DUMP)
    (folder / SAVED_DUMP).unlink()
    assert gzip.decompress((folder / pinned).read_bytes()) == SQL
    assert database.dumps_on_host() == []


def test_the_revision_and_the_integrity_of_a_dump_are_checked(
    database: CongressDatabase, folder: Path
) -> None:
    assert database.dumps_on_host() == [SAVED_DUMP]
    assert database.revision_of(SAVED_DUMP) == "c0125080d572"
    whole = (folder / SAVED_DUMP).read_bytes()
    (folder / SAVED_DUMP).write_bytes(whole[:-3])
    with pytest.raises(DatabaseError, match="the dump is damaged: database: "):
        database.revision_of(SAVED_DUMP)
    (folder / SAVED_DUMP).write_bytes(gzip.compress(b"SELECT 1;\n"))
    with pytest.raises(DatabaseError, match="not a dump of Congress's database"):
        database.revision_of(SAVED_DUMP)


def test_a_restore_that_was_cut_off_on_another_host_is_not_forgotten(
    database: CongressDatabase, folder: Path
) -> None:
    """The writer has moved since, and the copies have what was loaded by then."""
    several = replace(database, others=("datasource-1",))
    several.require_whole()
    several.mark_incomplete("before-restore-20261125T162228Z.sql.gz")
    with pytest.raises(DatabaseError, match="a restore was cut off while datasource-1 took the writes"):
        several.require_whole()
    several.mark_complete()
    several.require_whole()
    assert [entry.name for entry in folder.iterdir()] == [SAVED_DUMP]
