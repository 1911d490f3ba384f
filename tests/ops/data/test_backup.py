"""The command backup: what the file contains, and its trial load."""

from __future__ import annotations

import shutil
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import IO

import pytest

from ops.common.progress import Progress
from ops.data import archive, backup
from ops.data.database import CongressDatabase
from ops.data.dump import DatabaseError
from ops.ssh.commands import HostError
from tests.ops.support.fake_database_hosts import (
    DUMP,
    ENCRYPTION_KEY,
    LOADED,
    SECRET,
    FakeHosts,
)
from tests.ops.support.sample_stack import STACK


class Answering(FakeHosts):
    """A deployment that is backed up."""

    def run(
        self,
        host: str,
        command: str,
        *,
        stdin: bytes | IO[bytes] = b"",
        stdout: IO[bytes] | None = None,
        timeout: float = 60,
    ) -> str:
        if stdout is not None:
            assert host == "database"
            assert self.locked
            stdout.write(DUMP)
        return super().run(host, command, stdin=stdin, stdout=stdout, timeout=timeout)


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> Answering:
    hosts = Answering()
    monkeypatch.setattr(backup, "connected", lambda *_: nullcontext(hosts))
    return hosts


def test_a_backup_holds_what_the_hosts_have(
    answering: Answering, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "backup"
    backup.backup(STACK, {}, file, Progress("backup"))
    with archive.read(file) as made:
        assert (made.dump.read(), made.key) == (DUMP, ENCRYPTION_KEY)
        assert (made.manifest.congress, made.manifest.schema_revision) == ("11.0.0", "c0125080d572")
    assert "checked by a trial load: 9 tables, 1 datasources, and the key" in capsys.readouterr().out
    assert answering.kinds == ["check"]


def test_an_unchecked_backup_says_so(
    answering: Answering, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answering.answers["check"] = "unchecked /var/lib/mysql has 3 MiB free, 64 MiB are needed"
    backup.backup(STACK, {}, tmp_path / "backup", Progress("backup"))
    output = capsys.readouterr().out
    assert "NOT checked by a trial load: /var/lib/mysql has 3 MiB free, 64 MiB are needed" in output
    assert " s  checked by" not in output


@pytest.mark.parametrize("output", [LOADED.replace(SECRET[:9].encode().hex(), "58" * 9), "loaded 9 f00d"])
def test_no_backup_is_written_if_its_trial_load_fails(
    answering: Answering, tmp_path: Path, output: str
) -> None:
    answering.answers["check"] = output
    with pytest.raises(DatabaseError, match=r"the key does not decrypt|has schema revision"):
        backup.backup(STACK, {}, tmp_path / "backup", Progress("backup"))
    assert list(tmp_path.iterdir()) == []


def test_a_full_local_disk_is_not_reported_as_a_lost_host(
    answering: Answering, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut_off(*_: object) -> None:
        raise HostError("database: exit code 255")

    monkeypatch.setattr(CongressDatabase, "dump_into", cut_off)
    with pytest.raises(HostError):
        backup.backup(STACK, {}, tmp_path / "backup", Progress("backup"))
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=0))
    with pytest.raises(archive.ArchiveError, match=f"the disk of {tmp_path} is full"):
        backup.backup(STACK, {}, tmp_path / "backup", Progress("backup"))
    assert not answering.locked
