"""`make replace` of the database host: its data is saved to a file and loaded again."""

from __future__ import annotations

import dataclasses
from contextlib import nullcontext
from pathlib import Path

import pytest

from ops.data import archive
from ops.data.content import Content
from ops.data.dump import DatabaseError
from ops.health.facts import Facts, Unseen
from ops.health.roles.database import DatabaseHealth
from ops.health.roles.policy_engine import PolicyEngineHealth
from ops.replacement import procedure
from ops.replacement.interrupted_run import ReplacementRecord
from ops.ssh.commands import HostError, Hosts
from ops.stack.host_server import Server
from tests.ops.support import fact_changes as changes
from tests.ops.support.fake_replacement import ONLY, Simulation, replace_server
from tests.ops.support.lost_hosts import unreachable


class FakeData:
    """Stands in for SavedData."""

    def __init__(self, simulation: Simulation) -> None:
        self.simulation = simulation

    def save(self) -> tuple[Path, Content]:
        self.simulation.do("save")
        return Path("/backups/kept"), Content({"rules": 3}, "digest")

    def require_loadable(self, file: Path) -> None:
        self.simulation.do("require", str(file))

    def load(self, file: Path, expected: str) -> None:
        self.simulation.do("load", str(file), expected)

    def conflict(self, file: Path, expected: str) -> str:  # noqa: ARG002  as the real one
        return "the new database already has data" if self.simulation.fails.get("occupied") else ""


@pytest.fixture
def database(simulation: Simulation, monkeypatch: pytest.MonkeyPatch) -> Simulation:
    """A simulation for the database host, which has one step."""
    monkeypatch.setattr(procedure.Replacement, "_data", lambda *_: FakeData(simulation))
    monkeypatch.setattr(Hosts, "run", lambda _, __, command, **___: simulation.do("start", command))
    simulation.server = Server("URN", "old", gone=False, steps=("URN-of-a-step",))
    return simulation


def stopped(seen: Facts) -> Facts:
    """The facts after a replacement that was interrupted once all that writes, and MariaDB, had stopped."""
    seen = changes.ds_node(seen, nodes=(), role="Stopped")
    engines = {
        name: dataclasses.replace(engine, unit=("inactive", "dead"))
        for name, engine in seen[PolicyEngineHealth].engines.items()
    }
    seen = changes.changed(seen, PolicyEngineHealth, engines=engines)
    return changes.changed(seen, DatabaseHealth, database=Unseen("ERROR 2002 (HY000): Can't connect"))


UP, REST = f"up --yes --skip-preview {ONLY}", ["up --yes --skip-preview", "clear_failures database"]


def test_the_data_is_saved_before_the_deletion_and_no_host_sees_an_empty_database(
    database: Simulation,
) -> None:
    assert database.run("database").exit_code == 0
    assert database.done == [
        f"preview --replace URN {ONLY}",
        "save",
        "leave database",
        f"up --yes --skip-preview --replace URN {ONLY}",
        "load /backups/kept digest",
        *REST,
    ]


def test_without_a_backup_the_server_is_not_deleted(database: Simulation) -> None:
    database.fails["save"] = HostError("database: disk full")
    result = database.run("database")
    assert (result.exit_code, database.done[-1]) == (1, "save")
    assert not database.database_record_file().file.exists()


@pytest.mark.parametrize("fails", ["up", "load"])
def test_saved_data_is_loaded_by_the_run_that_continues(database: Simulation, fails: str) -> None:
    database.fails[fails] = HostError("cut off")
    assert database.run("database").exit_code == 1
    assert database.database_record_file().read() == ReplacementRecord("old", "/backups/kept", "digest")
    database.fails, database.server = {}, replace_server(database.server, "new")
    assert database.run("database").exit_code == 0
    assert database.done == [UP, "load /backups/kept digest", *REST]


def test_saved_data_is_loaded_even_into_a_server_replaced_twice(database: Simulation) -> None:
    database.database_record_file().write(ReplacementRecord("old", "/backups/kept", "digest"))
    database.server, database.facts = (
        replace_server(database.server, "never booted"),
        unreachable(stopped(database.facts), "database"),
    )
    database.run("database")
    assert "save" not in database.done
    assert "load /backups/kept digest" in database.done


def test_a_lost_database_is_replaced_with_a_backup_alone(
    database: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.facts = unreachable(database.facts, "database")
    result = database.run("database")
    assert (result.exit_code, database.done) == (2, [])
    assert "make replace HOST=database FILE=..." in result.output

    monkeypatch.setattr(archive, "read", lambda _: nullcontext())
    database.run("database", "/my/backup")
    assert "save" not in database.done
    assert "load /my/backup " in database.done


@pytest.mark.parametrize(
    ("lost", "why"),
    [
        (False, "the database on database answers, and /my/backup would replace its data"),
        (True, "/my/backup is of another stack; nothing was changed"),
    ],
)
def test_a_file_that_is_not_needed_or_cannot_be_loaded_is_refused_before_anything_happens(
    database: Simulation,
    monkeypatch: pytest.MonkeyPatch,
    lost: bool,  # noqa: FBT001
    why: str,
) -> None:
    if lost:
        database.facts = unreachable(database.facts, "database")
    database.fails["require"] = DatabaseError("/my/backup is of another stack")
    monkeypatch.setattr(archive, "read", lambda _: nullcontext())
    result = database.run("database", "/my/backup")
    assert result.exit_code == 2
    assert why in result.output
    assert [step for step in database.done if step != "require /my/backup"] == []


def test_a_file_that_is_no_backup_is_refused_at_once(database: Simulation, tmp_path: Path) -> None:
    result = database.run("database", str(tmp_path / "nothing"))
    assert (result.exit_code, database.done) == (2, [])
    assert "nothing" in result.output


AGAIN = ["leave database", f"up --yes --skip-preview --replace URN {ONLY}"]


def cut_off_before_the_old_server_went(database: Simulation) -> None:
    """Seen: `up` failed before it deleted the server; the next run refused, and hinted at an older backup."""
    database.fails["up"] = True
    assert database.run("database").exit_code == 1
    assert database.database_record_file().read() == ReplacementRecord("old", "/backups/kept", "digest")
    database.fails, database.facts = {}, stopped(database.facts)


def test_an_up_that_failed_before_the_deletion_is_continued(database: Simulation) -> None:
    cut_off_before_the_old_server_went(database)
    result = database.run("database")
    # The status is that of the stand-in, which never changes.
    assert "replace: database is replaced, but make status reports" in result.output
    assert database.done == [
        f"preview --replace URN {ONLY}",
        "start systemctl start mariadb",
        "save",
        *AGAIN,
        "load /backups/kept digest",
        *REST,
    ]


def test_without_the_old_server_the_saved_data_is_used(
    database: Simulation,
) -> None:
    cut_off_before_the_old_server_went(database)
    database.fails["start"] = HostError("database: No route to host")
    result = database.run("database")
    assert "the data is in /backups/kept, from an earlier run; it has not changed since" in result.output
    assert "save" not in database.done
    assert database.done[-4:] == [AGAIN[-1], "load /backups/kept digest", *REST]


@pytest.mark.parametrize("server", ["old", "new"])
def test_saved_data_is_not_used_if_the_database_may_have_changed(database: Simulation, server: str) -> None:
    database.database_record_file().write(ReplacementRecord("old", "/backups/kept", "digest"))
    database.server = replace_server(database.server, server)
    # The engines run.
    database.facts = unreachable(database.facts, "database")
    result = database.run("database")
    assert (result.exit_code, database.done) == (2, [])
    assert "its data may have changed" in result.output
    assert "make replace HOST=database FILE=/backups/kept" in result.output


@pytest.mark.parametrize("fails", ["clear_failures", "up --yes --skip-preview"])
def test_what_was_loaded_is_not_loaded_again_over_what_was_written_since(
    database: Simulation, fails: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen in the code: a run that continued after its load lost what clients had written in between."""
    if fails == "clear_failures":
        database.fails["clear_failures"] = HostError("cut off")
    else:
        monkeypatch.setattr(
            procedure, "_pulumi", lambda *words: database.do(*words) and " ".join(words) != fails
        )
    assert database.run("database").exit_code == 1
    assert database.database_record_file().read() == ReplacementRecord(
        "old", "/backups/kept", "digest", loaded=True
    )
    monkeypatch.setattr(procedure, "_pulumi", database.do)
    database.fails, database.server = {}, replace_server(database.server, "new")
    assert database.run("database").exit_code == 0
    assert database.done == [UP, *REST]


def test_a_database_with_newer_data_is_not_overwritten(database: Simulation) -> None:
    """The operator ran `up` and a restore instead of the same command again; the record of the replacement remained."""
    database.database_record_file().write(ReplacementRecord("old", "/backups/kept", "digest"))
    database.server = replace_server(database.server, "new")
    database.fails["occupied"] = True
    result = database.run("database")
    assert (result.exit_code, database.done) == (2, [])
    assert f"to keep the current data, remove {database.database_record_file().file}" in result.output


def test_a_server_that_has_its_data_and_is_lost_is_not_made_anew_with_old_data(database: Simulation) -> None:
    database.database_record_file().write(ReplacementRecord("old", "/backups/kept", "digest", loaded=True))
    database.server, database.facts = (
        replace_server(database.server, "new"),
        unreachable(stopped(database.facts), "database"),
    )
    result = database.run("database")
    assert (result.exit_code, database.done) == (2, [])
    assert "make replace HOST=database FILE=..." in result.output
