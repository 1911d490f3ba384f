"""The data of a database host is saved before its replacement, and loaded and compared afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ops.common.progress import Progress
from ops.data import archive
from ops.data.content import Content
from ops.data.database import CongressDatabase
from ops.data.dump import DatabaseError, Software
from ops.data.services import Services
from ops.replacement import saved_data
from ops.replacement.saved_data import SavedData
from ops.ssh.commands import HostError
from tests.ops.support.sample_stack import STACK

ROWS = {"policies": "1\ta\n2\tb", "policy_rules": "7\tp(1)", "datasources": ""}


class FakeHosts:
    def __init__(self) -> None:
        self.rows, self.tables = dict(ROWS), "0"

    def run(self, host: str, command: str) -> str:
        assert host == "database"
        if "information_schema" in command:
            return self.tables
        return next(text for table, text in self.rows.items() if f" {table} " in command)


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """The calls of services, backup and restore, in order."""
    calls: list[str] = []
    monkeypatch.setattr(saved_data, "FOLDER", tmp_path / "backups")
    monkeypatch.setattr(Services, "stop", lambda _: calls.append("stop"))
    monkeypatch.setattr(Services, "start", lambda _: calls.append("start"))
    monkeypatch.setattr(saved_data, "prepare", lambda *_: calls.append("look"))
    monkeypatch.setattr(
        saved_data, "backup", lambda _, __, file, ___: calls.append(f"backup {file.parent.name}")
    )
    monkeypatch.setattr(saved_data, "restore", lambda *_: calls.append("restore"))

    @contextmanager
    def read(_: Path) -> Iterator[None]:
        yield

    monkeypatch.setattr(archive, "read", read)
    return calls


def data(hosts: Any) -> SavedData:
    return SavedData(STACK, {}, hosts, "database", Progress("replace"))


def test_services_are_stopped_during_the_backup(done: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    file, content = data(FakeHosts()).save()
    assert done == ["look", "stop", "backup backups"]
    assert content.rows == {"policies": 2, "rules": 1, "datasources": 0}
    assert file.parent.stat().st_mode & 0o777 == 0o700
    assert (
        f"2 policies, 1 rules, 0 datasources are saved in {file}, which is not deleted"
        in capsys.readouterr().out
    )


def test_a_backup_that_fails_starts_again_what_was_stopped(
    done: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise archive.ArchiveError("no space")

    monkeypatch.setattr(saved_data, "backup", full)
    with pytest.raises(archive.ArchiveError):
        data(FakeHosts()).save()
    assert done == ["look", "stop", "start"]


def test_services_keep_running_if_no_backup_is_possible(
    done: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def no(*_: object) -> None:
        raise HostError("database: /run is full")

    monkeypatch.setattr(saved_data, "prepare", no)
    with pytest.raises(HostError, match="is full"):
        data(FakeHosts()).save()
    assert done == []


def test_loaded_data_equals_saved_data(done: list[str]) -> None:
    hosts = FakeHosts()
    _, content = data(hosts).save()
    data(hosts).load(Path("file"), content.digest)
    assert done[-1] == "restore"
    hosts.rows["policy_rules"] = "7\tp(2)"
    data(hosts).load(Path("file"), "")
    with pytest.raises(
        DatabaseError, match="differs from what was saved in file; it has 2 policies, 1 rules"
    ):
        data(hosts).load(Path("file"), content.digest)


@pytest.mark.parametrize(
    ("rows", "expected", "lost"),
    [
        (ROWS, "", True),
        (ROWS, "digest", True),
        (ROWS | {"policy_rules": "", "datasources": ""}, "digest", False),
        (ROWS | {"policy_rules": "", "datasources": "1\tnova"}, "digest", True),
        (ROWS | {"policies": "1\ta\n2\tb\n3\tc", "policy_rules": ""}, "digest", True),
    ],
)
def test_what_the_new_database_has_by_now_is_not_lost(
    done: list[str],
    rows: dict[str, str],
    expected: str,
    lost: bool,  # noqa: FBT001
) -> None:
    hosts = FakeHosts()
    hosts.rows = dict(rows)
    # No table exists yet.
    assert data(hosts).conflict(Path("file"), expected) == ""
    hosts.tables = "3"
    assert bool(data(hosts).conflict(Path("file"), expected)) == lost
    if lost:
        with pytest.raises(
            DatabaseError, match=r"the new database already has data, .*: make restore FILE=file"
        ):
            data(hosts).load(Path("file"), expected)
        assert done == []


def test_what_was_loaded_already_may_be_loaded_again() -> None:
    hosts = FakeHosts()
    hosts.tables = "3"
    assert data(hosts).conflict(Path("file"), data(hosts).content().digest) == ""


def test_content_is_described_by_kind() -> None:
    assert str(Content({"policies": 2, "rules": 5}, "")) == "2 policies, 5 rules"


@pytest.mark.parametrize(
    ("stack", "revision", "why"),
    [
        ("other", "known", "file is a backup of stack other, not of dev"),
        ("dev", "newer", "file has schema revision newer"),
    ],
)
def test_a_backup_that_could_not_be_loaded_is_refused(
    monkeypatch: pytest.MonkeyPatch, stack: str, revision: str, why: str
) -> None:
    manifest = SimpleNamespace(stack=stack, schema_revision=revision)
    monkeypatch.setattr(archive, "read", lambda _: nullcontext(SimpleNamespace(manifest=manifest)))
    monkeypatch.setattr(saved_data, "first_reachable", lambda *_: "datasource-1")
    monkeypatch.setattr(CongressDatabase, "software", lambda _: Software("11.0.0", frozenset({"known"})))
    with pytest.raises(DatabaseError, match=why):
        data(FakeHosts()).require_loadable(Path("file"))
