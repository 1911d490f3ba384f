"""A restore on a real MariaDB, with the operator's own code and a lock for all its steps."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from ops.common.progress import Progress
from ops.data import archive
from ops.data.database import CongressDatabase
from ops.data.dump import revision_in
from ops.data.restore import Restore, RestoreError
from ops.data.services import Services
from ops.replacement.saved_data import SavedData
from ops.ssh.commands import HostError
from tests.ops.support.sample_stack import STACK
from tests.render.support.database_server import PROGRAMS, OnTheServer, Server
from tests.support.waiting import wait_for


def test_a_whole_restore_runs_under_one_lock(server: Server, database: CongressDatabase) -> None:
    progress = Progress("restore")
    with tempfile.TemporaryFile() as dump, database.locked(progress) as locked:
        locked.dump_into(dump)
        checked = locked.check(dump)
        checked.require(revision_in(dump), Fernet.generate_key().decode())
        assert (checked.tables, list(checked.datasources)) == (3, ["näme", "none"])
        with pytest.raises(HostError, match="still after 1 s"), database.locked(progress):
            pass
        saved = locked.dump_on_host("before-restore")
        assert saved is not None
        locked.mark_incomplete(saved)
        with pytest.raises(HostError, match=rf"a restore was cut off.*make restore DUMP={saved}"):
            locked.dump_on_host("before-restore")
        server.ask("DROP DATABASE congress")
        locked.load(locked.receive(dump, archive.digest(dump)))
        assert server.ask("SELECT * FROM congress.rules") == "1\t1\n"
        locked.empty()
        assert server.ask("SHOW TABLES FROM congress") == ""
        assert locked.interrupted_restore() == saved
        locked.load(saved)
        locked.mark_complete()
        assert locked.interrupted_restore() is None
        assert server.ask("SELECT * FROM congress.rules") == "1\t1\n"
        locked.discard()
    with database.locked(progress):
        assert database.dumps_on_host() == [saved]


class RecordedServices(Services):
    """Records their stop and start; a client is `answered` while they stop."""

    def __init__(self, answered: Callable[[], object] = lambda: None) -> None:
        self.done: list[str] = []
        self.answered = answered

    def stop(self) -> None:
        self.answered()
        self.done.append("stop")

    def start(self) -> None:
        self.done.append("start")


class Overtaken(CongressDatabase):
    """Between `mark_incomplete` and `load` the tool sleeps, loses its lock, and another restore runs and succeeds."""

    def mark_incomplete(self, dump_name: str | None) -> None:
        super().mark_incomplete(dump_name)
        server = self.hosts.server  # type: ignore[attr-defined]  # OnTheServer
        server.ask(f"KILL {self.lock}")
        wait_for("the lock is free", 20, lambda: server.ask("SELECT IS_USED_LOCK('congress-ha')") == "NULL\n")
        with replace(self, lock="").locked(Progress("other")) as other:
            server.ask("INSERT INTO congress.rules VALUES (2, '2')")
            CongressDatabase.mark_complete(other)


def test_a_suspended_restore_does_not_overwrite_a_later_one(
    server: Server, database: CongressDatabase
) -> None:
    slept = Overtaken(database.hosts, database.host, database.congress)
    with slept.locked(Progress("restore")) as locked:
        saved = locked.dump_on_host("before-migration")
        restore = Restore(database.hosts, STACK, locked, Progress("restore"))
        restore.services = services = RecordedServices()
        way_out = r"otherwise, when that is repaired: make restore DUMP=before-restore-\w+\.sql\.gz$"
        lost = "Nothing was restored or started: database: the lock on the database was lost"
        with pytest.raises(RestoreError, match=f"{lost}.*{way_out}"):
            restore.load(str(saved), None)
        # It does not remove what the other one sends either.
        (server.backups / "congress/incoming.sql.gz").touch()
        restore.discard()
    assert (server.backups / "congress/incoming.sql.gz").exists()
    assert services.done == ["stop"]
    assert server.ask("SELECT * FROM congress.rules") == "1\t1\n2\t2\n"
    assert not (server.backups / "congress/restoring").exists()


def test_changes_made_while_the_services_stop_are_kept(server: Server, database: CongressDatabase) -> None:
    rules = "SELECT * FROM congress.rules"
    with database.locked(Progress("restore")) as locked:
        older = str(locked.dump_on_host("before-migration"))
        restore = Restore(database.hosts, STACK, locked, Progress("restore"))
        answers = iter(["INSERT INTO congress.rules VALUES (3, '2')"])
        restore.services = RecordedServices(lambda: server.ask(next(answers, "")))
        # No host here has Congress, which encrypts the loaded dump.
        with pytest.raises(RestoreError, match="the services run again, the database is as it was"):
            restore.load(older, None)
    assert server.ask(rules) == "1\t1\n3\t2\n"


def test_every_step_of_a_restore_needs_the_lock(server: Server, database: CongressDatabase) -> None:
    with tempfile.TemporaryFile() as file, database.locked(Progress("restore")) as locked:
        saved = locked.dump_on_host("before-restore")
        assert saved is not None
        server.ask(f"KILL {locked.lock}")
        steps: list[Callable[[], object]] = [
            locked.require_lock,
            lambda: locked.mark_incomplete(saved),
            locked.mark_complete,
            locked.empty,
            locked.discard,
            lambda: locked.pin(saved),
            lambda: locked.load(saved),
            lambda: locked.dump_on_host("before-restore"),
            lambda: locked.receive(file, ""),
        ]
        for step in steps:
            with pytest.raises(HostError, match="the lock on the database was lost, so nothing is done"):
                step()
    assert server.ask("SELECT * FROM congress.rules") == "1\t1\n"


def test_the_programs_of_this_checkout_are_installed_once(server: Server, database: CongressDatabase) -> None:
    """An operator runs a backup before an `up`, with the checkout that will run the `up`."""
    database.install_programs()
    (folder,) = (server.run_folder / "congress-ha").iterdir()
    assert folder.stat().st_mode & 0o7777 == folder.parent.stat().st_mode & 0o7777 == 0o700
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == {
        f"congress-{name}": (PROGRAMS / f"congress-{name}").read_bytes() for name in ("dump", "load", "lock")
    }


def test_a_mark_without_its_dump_is_removed(server: Server, database: CongressDatabase) -> None:
    assert database.interrupted_restore() is None
    folder = server.backups / "congress"
    folder.mkdir(exist_ok=True)
    database.mark_incomplete("before-restore-20200101T000000Z.sql.gz")
    assert database.interrupted_restore() is None
    assert not (folder / "restoring").exists()


def test_the_content_of_the_database_is_counted(server: Server) -> None:
    saved_data = SavedData(STACK, {}, OnTheServer(server), "database", Progress("replace"))
    assert saved_data.conflict(Path("file"), "") == ""
    server.ask("""USE congress; CREATE TABLE policies (id int, name text); INSERT INTO policies VALUES (1, 'p');
        CREATE TABLE policy_rules (id int, rule text); DELETE FROM rules; DELETE FROM datasources""")
    assert saved_data.conflict(Path("file"), "") == ""
    server.ask("INSERT INTO congress.policy_rules VALUES (1, 'p(x) :- q(x)')")
    assert "1 policies, 1 rules, 0 datasources" in saved_data.conflict(Path("file"), "")
    assert saved_data.conflict(Path("file"), saved_data.content().digest) == ""
