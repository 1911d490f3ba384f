"""Dump, load and lock on a real MariaDB: what a tampered dump can reach, and who waits for whom."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from components.foundation.template import ROOT
from ops.common.progress import Progress
from ops.data import archive
from ops.data import database as congress_database
from ops.data.database import CongressDatabase
from ops.data.dump import revision_in
from ops.data.restore import Restore, RestoreError
from ops.data.services import Services
from ops.replacement.saved_data import SavedData
from ops.ssh import commands as hosts
from ops.ssh.commands import HostError, Hosts
from tests.ops.support.sample_stack import STACK
from tests.support import mariadb
from tests.support.programs import missing, private, program, run
from tests.support.waiting import wait_for

PROGRAMS = ROOT / "files/database"
TABLES = r"""
DROP DATABASE IF EXISTS congress; CREATE DATABASE congress CHARACTER SET utf8mb3; USE congress;
CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY); INSERT INTO alembic_version VALUES ('c0125080d572');
CREATE TABLE datasources (id varchar(36) PRIMARY KEY, name varchar(255), config text);
INSERT INTO datasources VALUES ('1', 'näme', '{"a": "\\"\\n"}');
INSERT INTO datasources VALUES ('2', 'none', NULL);
CREATE TABLE rules (id int, datasource varchar(36), FOREIGN KEY (datasource) REFERENCES datasources (id));
INSERT INTO rules VALUES (1, '1');
"""
NAME, CONFIG = "näme".encode().hex().upper(), rb'{"a": "\"\n"}'.hex().upper()
LOADED = f"loaded 3 c0125080d572\ndatasource\t{NAME}\t{CONFIG}\n"
LOADED += f"datasource\t{b'none'.hex().upper()}\t{b'null'.hex().upper()}\n"
END = "-- Dump completed on 2026-11-28  7:00:00\n"


class Server:
    """MariaDB in a folder, and the programs of its host beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "etc").mkdir()
        (folder / "etc/my.cnf").write_text(f"[client-server]\nsocket = {folder}/socket\n")
        self.backups, self.run_folder = folder / "backups", folder / "run"
        self.backups.mkdir()
        self.run_folder.mkdir()

    def argv(self, *words: str | Path) -> tuple[str, ...]:
        own = {"/etc/mysql": self.folder / "etc", "/var/backups": self.backups, "/run": self.run_folder}
        return private(words, own)

    def run(self, name: str, *words: str, sql: str = "", lock: str = "") -> tuple[int, str, str]:
        """Exit code, standard output and errors of one of the programs."""
        done = run(
            *self.argv("env", f"CONGRESS_LOCK={lock}", PROGRAMS / f"congress-{name}", *words), stdin=sql
        )
        return done.returncode, done.stdout, done.stderr

    def ask(self, sql: str) -> str:
        done = run(*mariadb.client(self.folder, "--skip-column-names", "--batch"), stdin=sql)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def holds(self, seconds: int) -> subprocess.Popen[str]:
        """Somebody who has the lock until its standard input is closed."""
        hold = self.argv(PROGRAMS / "congress-lock", str(seconds), "bash", "-c", "echo $CONGRESS_LOCK; cat")
        return subprocess.Popen(hold, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


@pytest.fixture(scope="module")
def started() -> Iterator[Server]:
    program("mariadb-dump")
    # The account of a load is nobody's, who must come to the socket; pytest's own folder is closed to others.
    folder = Path(tempfile.mkdtemp(prefix="congress-ha-"))
    try:
        folder.chmod(0o755)
        mariadb.install(folder)
        with mariadb.started(folder, "--no-defaults", "--skip-networking"):
            yield Server(folder)
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def server(started: Server) -> Server:
    started.ask(TABLES)
    return started


@pytest.fixture
def dump(server: Server) -> str:
    code, sql, errors = server.run("dump")
    assert (code, errors) == (0, "")
    return sql


def test_a_dump_is_loaded_into_a_schema_that_goes_again(server: Server, dump: str) -> None:
    before = server.ask("SHOW DATABASES; SELECT User, Host FROM mysql.user")
    server.ask("DROP TABLE congress.rules")
    assert server.run("load", "check", "1000", sql=dump) == (0, LOADED, "")
    assert server.ask("SHOW DATABASES; SELECT User, Host FROM mysql.user") == before
    assert server.ask("SHOW TABLES FROM congress").split() == ["alembic_version", "datasources"]


def test_a_dump_replaces_the_database(server: Server, dump: str) -> None:
    server.ask("DROP TABLE congress.rules; CREATE TABLE congress.other (x int)")
    assert server.run("load", "replace", sql=dump) == (0, "", "")
    assert server.ask("SHOW TABLES FROM congress").split() == ["alembic_version", "datasources", "rules"]
    assert (
        server.ask(
            "SELECT DEFAULT_CHARACTER_SET_NAME FROM information_schema.SCHEMATA"
            " WHERE SCHEMA_NAME = 'congress'"
        )
        == "utf8mb3\n"
    )
    server.ask("DROP DATABASE congress")
    assert server.run("load", "replace", sql=dump) == (0, "", "")
    assert server.ask("SELECT * FROM congress.rules") == "1\t1\n"


@pytest.mark.parametrize(
    "evil",
    [
        r"\! touch {folder}/reached",
        "system touch {folder}/reached",
        "source {folder}/sql",
        r"\. {folder}/sql",
        r"\P touch {folder}/reached",
        r"tee {folder}/reached",
        r"\e",
        "SELECT 'x' INTO OUTFILE '{folder}/data/reached';",
        "LOAD DATA INFILE '/etc/hostname' INTO TABLE rules;",
        "LOAD DATA LOCAL INFILE '/etc/hostname' INTO TABLE rules;",
        "CREATE USER evil;",
        "GRANT ALL ON *.* TO 'nobody'@'localhost';",
        "SET PASSWORD FOR root@localhost = PASSWORD('x');",
        "INSERT INTO mysql.global_priv VALUES ('localhost', 'evil', '{{}}');",
        "DROP DATABASE mysql;",
        "USE sys;",
        "CREATE DATABASE congressXcheck;",
        "SET GLOBAL general_log_file = '{folder}/reached';",
        "INSTALL SONAME 'auth_pam';",
        "CREATE DEFINER = root@localhost PROCEDURE p() SELECT 1;",
        "CREATE TRIGGER t BEFORE INSERT ON rules FOR EACH ROW SET @x = 1;",
        "CREATE DEFINER = root@localhost VIEW v AS SELECT * FROM mysql.global_priv;",
        "SHUTDOWN;",
    ],
)
def test_what_was_tampered_with_reaches_nothing(server: Server, dump: str, evil: str) -> None:
    (server.folder / "sql").write_text("CREATE USER evil;")
    (server.folder / "sql").chmod(0o644)
    accounts = "SELECT * FROM mysql.global_priv ORDER BY User, Host"
    before = server.ask(f"SHOW DATABASES; {accounts}")
    text = f"{dump}{evil.format(folder=server.folder)}\n{END}"
    code, _, errors = server.run("load", "replace", sql=text)
    assert (code != 0, errors != "") == (True, True)
    assert server.ask(f"SHOW DATABASES; {accounts}") == before
    assert list(server.folder.rglob("reached")) == []


def test_a_check_cannot_reach_the_database_that_is_there(server: Server, dump: str) -> None:
    for evil in ("USE congress", "DROP DATABASE congress", "DROP TABLE congress.rules"):
        code, _, errors = server.run("load", "check", "1000", sql=f"{dump}{evil};\n{END}")
        assert (code, "denied" in errors) == (1, True)
    assert server.ask("SELECT * FROM congress.rules") == "1\t1\n"


def test_a_dump_that_lacks_its_end_is_told(server: Server, dump: str) -> None:
    """MariaDB itself takes the half of a dump for a whole one."""
    half = dump[: dump.index("-- Table structure for table `rules`")]
    code, _, errors = server.run("load", "check", "1000", sql=half)
    assert (code, errors) == (1, "the dump is not whole: its end is missing\n")


def test_without_room_it_says_so_and_loads_nothing(server: Server, dump: str) -> None:
    code, printed, errors = server.run("load", "check", str(10**15), sql=dump)
    assert (code, errors) == (0, "")
    assert printed.startswith(f"unchecked {server.folder}/data/ on ")
    assert "MiB free" in printed


def test_whoever_comes_meanwhile_waits_and_is_told(server: Server, dump: str) -> None:
    with server.holds(5) as holder:
        assert holder.stdout is not None
        lock = holder.stdout.readline().strip()
        code, printed, errors = server.run("lock", "1", "echo", "ran")
        assert (code, printed) == (75, "")
        waits, refused = errors.splitlines()
        told = (
            f"another backup, restore or upgrade works on the database: connection {lock} of root@localhost"
        )
        assert re.fullmatch(rf"waits: {told}, for \d+ s", waits)
        way_out = f"if it does not run any more: sudo mariadb -e 'KILL {lock}' on {platform.node()}"
        assert re.fullmatch(
            rf"{told}, for \d+ s; still after 1 s. Try again when it is done; {way_out}", refused
        )
        # Whoever has it goes on under it.
        assert server.run("load", "check", "1000", sql=dump, lock=lock) == (0, LOADED, "")
        with subprocess.Popen(
            server.argv(PROGRAMS / "congress-dump"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as other:
            assert other.stdout is not None
            assert other.stderr is not None
            assert other.stderr.readline().startswith("waits: ")
            holder.communicate("")
            assert other.stdout.read().splitlines()[-1].startswith("-- Dump completed")
            assert other.wait(30) == 0


def test_a_holder_that_ends_while_it_is_looked_for_is_not_named(server: Server, tmp_path: Path) -> None:
    """Then MariaDB lists no connection, as here, and there is nobody to kill."""
    real = program("mariadb")
    shim = tmp_path / "mariadb"
    shim.write_text(f'#!/bin/bash\n[[ "$*" == *PROCESSLIST* ]] || exec {real} "$@"\n')
    shim.chmod(0o755)
    path = f"PATH={tmp_path}:{os.environ['PATH']}"
    with server.holds(5) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        done = run(*server.argv("env", path, PROGRAMS / "congress-lock", "1", "echo", "ran"))
        assert (done.returncode, done.stdout) == (75, "")
        assert done.stderr.splitlines() == [
            "waits: another backup, restore or upgrade of the database just ended",
            "others had the database's lock for 1 s, and the last of them just ended: try again",
        ]
        holder.communicate("")


def test_a_holder_that_is_killed_holds_nothing(server: Server) -> None:
    with server.holds(5) as holder:
        assert holder.stdout is not None
        lock = holder.stdout.readline().strip()
        holder.kill()
        holder.communicate()
        wait_for("the lock is free", 20, lambda: server.ask("SELECT IS_USED_LOCK('congress-ha')") == "NULL\n")
    # Whoever had it does nothing more; anybody else gets it.
    code, printed, errors = server.run("lock", "1", "echo", "ran", lock=lock)
    assert (code, printed) == (1, "")
    assert errors.startswith("the lock on the database was lost, so nothing is done")
    assert server.run("lock", "1", "echo", "ran") == (0, "ran\n", "")


@pytest.mark.parametrize("late", [[], ["--locked"]], ids=["before", "while the program starts"])
@pytest.mark.parametrize("taken", [True, False])
def test_a_lock_that_was_lost_lets_nothing_be_dropped(
    server: Server, dump: str, late: list[str], *, taken: bool
) -> None:
    server.ask("INSERT INTO congress.rules VALUES (2, '2')")
    with server.holds(5) if taken else nullcontext() as holder:
        if holder:
            assert holder.stdout is not None
            holder.stdout.readline()
        for words in (["replace"], ["check", "1000"]):
            code, printed, errors = server.run("load", *late, *words, sql=dump, lock="4711")
            assert (code, printed) == (1, "")
            assert errors.startswith("the lock on the database was lost, so nothing is ")
        code, printed, errors = server.run("dump", lock="4711")
        assert (code, printed) == (1, "")
        assert errors.startswith("the lock on the database was lost, so nothing is done")
        if holder:
            holder.communicate("")
    assert server.ask("SELECT * FROM congress.rules") == "1\t1\n2\t2\n"


def test_a_dump_that_nobody_reads_any_more_ends_with_the_lock(server: Server) -> None:
    """As of a machine that fell asleep: its transaction would keep a migration from the tables."""
    server.ask(
        "CREATE TABLE congress.big (x longtext); INSERT INTO congress.big VALUES (REPEAT('x', 4000000))"
    )
    server.ask("INSERT INTO congress.big SELECT * FROM congress.big; CREATE TABLE congress.last (x int)")
    words = server.argv(PROGRAMS / "congress-dump")
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as unread:
        asked = "SELECT COUNT(*) FROM information_schema.INNODB_TRX"
        wait_for("it dumps", 20, lambda: server.ask(asked) != "0\n")
        holder = server.ask("SELECT IS_USED_LOCK('congress-ha')").strip()
        server.ask(f"KILL {holder}")
        wait_for("its transaction ends", 30, lambda: server.ask(asked) == "0\n")
        assert unread.wait(20) != 0
        assert unread.stderr is not None
        assert "the lock on the database was lost" in unread.stderr.read()


def test_a_load_that_was_cut_off_is_ended_by_the_next_one(server: Server, dump: str) -> None:
    """Its account's session outlives it: it would go on to write into the database."""
    sessions = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE USER = 'nobody' AND INFO LIKE 'DO%'"
    words = server.argv(PROGRAMS / "congress-load", "replace")
    with subprocess.Popen(words, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as load:
        assert load.stdin is not None
        load.stdin.write(f"{dump}DO SLEEP(600);\n{END}")
        load.stdin.close()
        wait_for("it loads", 20, lambda: server.ask(sessions) == "1\n")
        holder = server.ask("SELECT IS_USED_LOCK('congress-ha')").strip()
        # Its tool is gone, and the lock with it; the load itself goes on.
        server.ask(f"KILL {holder}")
        assert server.run("load", "check", "1000", sql=dump) == (0, LOADED, "")
        assert server.ask(sessions) == "0\n"
        assert load.wait(30) != 0


class OnTheServer(Hosts):
    """Every host is the one where MariaDB runs."""

    def __init__(self, server: Server) -> None:
        super().__init__(server.folder)
        self.server = server

    def _argv(self, host: str, command: str) -> list[str]:  # noqa: ARG002  as the real one
        return list(self.server.argv("bash", "-c", f"set -euo pipefail\n{command}"))


@pytest.fixture
def database(server: Server, monkeypatch: pytest.MonkeyPatch) -> CongressDatabase:
    """On a host that has no program of ours, as that of an older `up`."""
    monkeypatch.setattr(congress_database, "LOCK_TIMEOUT", 1)
    there = CongressDatabase(OnTheServer(server), "database", "database")
    there.install_programs()
    return there


def test_a_whole_restore_goes_on_under_one_lock(server: Server, database: CongressDatabase) -> None:
    progress = Progress("restore")
    with tempfile.TemporaryFile() as dump, database.locked(progress) as locked:
        locked.dump_into(dump)
        checked = locked.check(dump)
        checked.require(revision_in(dump), Fernet.generate_key().decode())
        assert (checked.tables, list(checked.datasources)) == (3, ["näme", "none"])
        with pytest.raises(HostError, match="still after 1 s"), database.locked(progress):
            pass
        kept = locked.dump_on_host("before-restore")
        assert kept is not None
        locked.mark_incomplete(kept)
        with pytest.raises(HostError, match=rf"a restore was cut off.*make restore DUMP={kept}"):
            locked.dump_on_host("before-restore")
        server.ask("DROP DATABASE congress")
        locked.load(locked.receive(dump, archive.digest(dump)))
        assert server.ask("SELECT * FROM congress.rules") == "1\t1\n"
        locked.empty()
        assert server.ask("SHOW TABLES FROM congress") == ""
        assert locked.interrupted_restore() == kept
        locked.load(kept)
        locked.mark_complete()
        assert locked.interrupted_restore() is None
        assert server.ask("SELECT * FROM congress.rules") == "1\t1\n"
        locked.discard()
    with database.locked(progress):
        assert database.dumps_on_host() == [kept]


class RecordedServices(Services):
    """Of which no host has any; a client is answered while they stop."""

    def __init__(self, answered: Callable[[], object] = lambda: None) -> None:
        self.done: list[str] = []
        self.answered = answered

    def stop(self) -> None:
        self.answered()
        self.done.append("stop")

    def start(self) -> None:
        self.done.append("start")


class Overtaken(CongressDatabase):
    """Between `mark_incomplete` and `load` the tool sleeps, its lock goes, and another restore comes and ends well."""

    def mark_incomplete(self, kept: str | None) -> None:
        super().mark_incomplete(kept)
        server = self.hosts.server  # type: ignore[attr-defined]  # OnTheServer
        server.ask(f"KILL {self.lock}")
        wait_for("the lock is free", 20, lambda: server.ask("SELECT IS_USED_LOCK('congress-ha')") == "NULL\n")
        with replace(self, lock="").locked(Progress("other")) as other:
            server.ask("INSERT INTO congress.rules VALUES (2, '2')")
            CongressDatabase.mark_complete(other)


def test_a_restore_that_slept_leaves_what_a_later_one_restored(
    server: Server, database: CongressDatabase
) -> None:
    slept = Overtaken(database.hosts, database.host, database.congress)
    with slept.locked(Progress("restore")) as locked:
        kept = locked.dump_on_host("before-migration")
        restore = Restore(database.hosts, STACK, locked, Progress("restore"))
        restore.services = services = RecordedServices()
        way_out = r"otherwise, when that is repaired: make restore DUMP=before-restore-\w+\.sql\.gz$"
        lost = "Nothing was restored or started: database: the lock on the database was lost"
        with pytest.raises(RestoreError, match=f"{lost}.*{way_out}"):
            restore.load(str(kept), None)
        # Nor does it take away what the other one sends.
        (server.backups / "congress/incoming.sql.gz").touch()
        restore.discard()
    assert (server.backups / "congress/incoming.sql.gz").exists()
    assert services.done == ["stop"]
    assert server.ask("SELECT * FROM congress.rules") == "1\t1\n2\t2\n"
    assert not (server.backups / "congress/restoring").exists()


def test_what_was_answered_while_the_services_stop_is_put_back(
    server: Server, database: CongressDatabase
) -> None:
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


def test_a_step_between_begin_and_done_needs_the_lock(server: Server, database: CongressDatabase) -> None:
    with tempfile.TemporaryFile() as file, database.locked(Progress("restore")) as locked:
        kept = locked.dump_on_host("before-restore")
        assert kept is not None
        server.ask(f"KILL {locked.lock}")
        steps: list[Callable[[], object]] = [
            locked.require_lock,
            lambda: locked.mark_incomplete(kept),
            locked.mark_complete,
            locked.empty,
            locked.discard,
            lambda: locked.pin(kept),
            lambda: locked.load(kept),
            lambda: locked.dump_on_host("before-restore"),
            lambda: locked.receive(file, ""),
        ]
        for step in steps:
            with pytest.raises(HostError, match="the lock on the database was lost, so nothing is done"):
                step()
    assert server.ask("SELECT * FROM congress.rules") == "1\t1\n"


@pytest.mark.parametrize("asleep", [True, False])
def test_a_lock_outlives_no_holder_that_fell_asleep(
    server: Server, database: CongressDatabase, monkeypatch: pytest.MonkeyPatch, *, asleep: bool
) -> None:
    """It closes no connection and says nothing; one that lives says a line now and then."""
    monkeypatch.setattr(congress_database, "HOLDER_TIMEOUT", 2)
    monkeypatch.setattr(hosts, "KEEPALIVE", 1000 if asleep else 0.3)
    with database.locked(Progress("backup")) as locked:

        def free() -> bool:
            return server.ask("SELECT IS_USED_LOCK('congress-ha')") == "NULL\n"

        if asleep:
            wait_for("the lock is free", 20, free)
        else:
            time.sleep(6)
            assert server.ask("SELECT IS_USED_LOCK('congress-ha')").strip() == locked.lock


def test_the_programs_are_this_checkout_s_and_brought_once(
    server: Server, database: CongressDatabase
) -> None:
    """An operator backs up before an `up`, with the checkout that will do it."""
    database.install_programs()
    (place,) = (server.run_folder / "congress-ha").iterdir()
    assert place.stat().st_mode & 0o7777 == place.parent.stat().st_mode & 0o7777 == 0o700
    assert {file.name: file.read_bytes() for file in place.iterdir()} == {
        f"congress-{name}": (PROGRAMS / f"congress-{name}").read_bytes() for name in ("dump", "load", "lock")
    }


def test_a_mark_whose_dump_is_gone_helps_nobody(server: Server, database: CongressDatabase) -> None:
    assert database.interrupted_restore() is None
    folder = server.backups / "congress"
    folder.mkdir(exist_ok=True)
    database.mark_incomplete("before-restore-20200101T000000Z.sql.gz")
    assert database.interrupted_restore() is None
    assert not (folder / "restoring").exists()


def test_what_the_database_holds_is_counted(server: Server) -> None:
    kept = SavedData(STACK, {}, OnTheServer(server), "database", Progress("replace"))
    assert kept.conflict(Path("file"), "") == ""
    server.ask("""USE congress; CREATE TABLE policies (id int, name text); INSERT INTO policies VALUES (1, 'p');
        CREATE TABLE policy_rules (id int, rule text); DELETE FROM rules; DELETE FROM datasources""")
    assert kept.conflict(Path("file"), "") == ""
    server.ask("INSERT INTO congress.policy_rules VALUES (1, 'p(x) :- q(x)')")
    assert "1 policies, 1 rules, 0 datasources" in kept.conflict(Path("file"), "")
    assert kept.conflict(Path("file"), kept.content().digest) == ""


def test_a_full_disk_of_the_database_is_told_and_what_was_there_comes_back() -> None:
    """Seen: MariaDB 10.11.19 died when its disk was full. When there is room, what was kept is loaded."""
    program("mariadb-dump")
    folder = Path(tempfile.mkdtemp(prefix="congress-ha-"))
    mount = ["mount", "-t", "tmpfs", "-o", "size=200M,mode=755", "tmpfs", str(folder)]
    if run(*mount).returncode:
        missing("this machine allows no mount")
    try:
        mariadb.install(folder)
        server, options = Server(folder), ("--no-defaults", "--skip-networking", "--innodb-log-file-size=16M")
        with mariadb.started(folder, *options):
            server.ask(TABLES)
            _, kept, _ = server.run("dump")
            free = shutil.disk_usage(folder).free
            head, _, tail = kept.partition("LOCK TABLES `rules`")
            rows = "INSERT INTO `big` VALUES (REPEAT('x', 200000));\n" * (free // 200_000 + 100)
            big = f"{head}CREATE TABLE `big` (x longtext);\n{rows}LOCK TABLES `rules`{tail}"
            code, printed, errors = server.run("load", "check", str(free), sql=big)
            assert (code, printed.split()[0], errors) == (0, "unchecked", "")
            code, _, errors = server.run("load", "replace", sql=big)
            assert (code, errors.splitlines()[-1].endswith("is full: make room there")) == (1, True)
        # It died, and systemd's MariaDB would not come up either before there is room.
        assert run("mount", "-o", "remount,size=400M", folder).returncode == 0
        with mariadb.started(folder, *options):
            assert server.run("load", "replace", sql=kept) == (0, "", "")
            assert server.ask("SELECT * FROM congress.rules") == "1\t1\n"
            assert server.run("load", "check", "1000", sql=kept) == (0, LOADED, "")
    finally:
        run("umount", folder)
        folder.rmdir()
