"""`make replace` of the database: its data goes into a file and back."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import pytest

from tests.tools.replacing import ONLY, Stand, replace_server
from tests.tools.test_refusal import lost
from tools import archive, replacement
from tools.hosts import HostError
from tools.kept_data import Content
from tools.pulumi import Server
from tools.unfinished import Begun


class FakeData:
    """Stands in for KeptData."""

    def __init__(self, stand: Stand) -> None:
        self.stand = stand

    def keep(self) -> tuple[Path, Content]:
        self.stand.do("keep")
        return Path("/backups/kept"), Content({"rules": 3}, "digest")

    def load(self, file: Path, expected: str) -> None:
        self.stand.do("load", str(file), expected)


@pytest.fixture
def database(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> Stand:
    """A stand for the database's host, with one step."""
    monkeypatch.setattr(replacement.Replacement, "_data", lambda *_: FakeData(stand))
    stand.server = Server("URN", "old", gone=False, steps=("URN-of-a-step",))
    return stand


UP, REST = f"up --yes --skip-preview {ONLY}", ["up --yes --skip-preview", "settle database"]


def test_the_data_is_kept_before_the_server_goes_and_no_host_sees_an_empty_database(database: Stand) -> None:
    assert database.run("database").exit_code == 0
    assert database.done == [
        f"preview --replace URN {ONLY}",
        "keep",
        "leave database",
        f"up --yes --skip-preview --replace URN {ONLY}",
        "load /backups/kept digest",
        *REST,
    ]


def test_data_that_was_not_kept_keeps_its_server(database: Stand) -> None:
    database.fails["keep"] = HostError("database: disk full")
    told = database.run("database")
    assert (told.exit_code, database.done[-1]) == (1, "keep")
    assert not database.database_note().file.exists()


@pytest.mark.parametrize("fails", ["up", "load"])
def test_what_was_kept_is_loaded_by_the_run_that_goes_on(database: Stand, fails: str) -> None:
    database.fails[fails] = HostError("cut off")
    assert database.run("database").exit_code == 1
    assert database.database_note().read() == Begun("old", "/backups/kept", "digest")
    database.fails, database.server = {}, replace_server(database.server, "new")
    assert database.run("database").exit_code == 0
    assert database.done == [UP, "load /backups/kept digest", *REST]


def test_what_was_kept_is_loaded_also_into_a_server_that_was_made_anew_twice(database: Stand) -> None:
    database.database_note().write(Begun("old", "/backups/kept", "digest"))
    database.server, database.seen = (
        replace_server(database.server, "never booted"),
        lost(database.seen, "database"),
    )
    database.run("database")
    assert "keep" not in database.done
    assert "load /backups/kept digest" in database.done


def test_a_lost_database_is_replaced_with_a_backup_alone(
    database: Stand, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.seen = lost(database.seen, "database")
    told = database.run("database")
    assert (told.exit_code, database.done) == (2, [])
    assert "make replace HOST=database FILE=..." in told.output

    monkeypatch.setattr(archive, "read", lambda _: nullcontext())
    database.run("database", "/my/backup")
    assert "keep" not in database.done
    assert "load /my/backup " in database.done


def test_a_file_that_is_no_backup_is_refused_at_once(database: Stand, tmp_path: Path) -> None:
    told = database.run("database", str(tmp_path / "nothing"))
    assert (told.exit_code, database.done) == (2, [])
    assert "nothing" in told.output
