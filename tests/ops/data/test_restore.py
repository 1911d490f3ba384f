"""The order of a restore, and that whatever fails in it is rolled back."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import IO

import pytest
from cryptography.fernet import Fernet
from typer import Typer
from typer.testing import CliRunner

from ops.common.progress import Progress
from ops.data import archive, backup, restore
from ops.data.database import LOCK, CongressDatabase, Software, require_known_revision
from ops.data.dump import DatabaseError, revision_in
from ops.data.restore import RestoreError, prepared
from ops.ssh.commands import HostError, Hosts
from tests.ops.healthy import STACK

ENCRYPTION_KEY = Fernet.generate_key().decode()
DUMP = b"""-- MariaDB dump
INSERT INTO `alembic_version` VALUES
('c0125080d572');
INSERT INTO `policies` VALUES
('x');
"""
KEPT = "before-restore-20261125T160000Z.sql.gz"
OLDER = "before-migration-20261124T160000Z.sql.gz"

# What a command is, by a text in it or in its standard input; the first that fits.
KINDS = {
    "bring": "tar -x",
    "key": "cat /etc/congress/keys/aes_key",
    "send": "gzip -1",
    "keep": "congress-dump before-restore",
    "hold": "ln -f /var/backups/congress/before-migration",
    "list": "ls /var",
    "test": "gzip -t",
    "look": "grep -m 1",
    "check": "congress-load check",
    "unfinished": "[ -e restoring ]",
    "mark": "> /var/backups/congress/restoring",
    "unmark": "rm -f /var/backups/congress/restoring",
    "discard": "rm -f /var/backups/congress/incoming",
    "require lock": "bash -c 'set -euo pipefail; true'",
    "stop 1": "systemctl stop congress-policy-engine@policy-engine-1",
    "stop 2": "systemctl stop congress-policy-engine@policy-engine-2",
    "stop node": "--parameter-value Stopped",
    "load": "congress-load replace",
    "empty": "DROP DATABASE",
    "reencrypt": "reencrypt(",
    "software": "walk_revisions",
    "migrate": '"upgrade", "head"',
    "start node": "--delete-parameter",
    "start 1": "systemctl start congress-policy-engine@policy-engine-1",
    "start 2": "systemctl start congress-policy-engine@policy-engine-2",
}
STOP, START = ["stop 1", "stop 2", "stop node"], ["start node", "start 1", "start 2"]
CHANGE = ["load", "reencrypt", "migrate"]
SECRET = Fernet(ENCRYPTION_KEY).encrypt(b"secret").decode()
DATASOURCE = json.dumps({"password": SECRET, "__encrypted_fields": ["password"]})
LOADED = f"loaded 9 c0125080d572\ndatasource\t{b'nova'.hex()}\t{DATASOURCE.encode().hex()}"

# Asked of, or done to, a database that nobody else may work on meanwhile.
NEED_LOCK = {
    "send",
    "hold",
    "keep",
    "load",
    "check",
    "reencrypt",
    "migrate",
    "empty",
    "mark",
    "unmark",
    "discard",
}
LOOKS = {"bring", "software", "list", "test", "look", "key", "unfinished", "mark", "unmark", "require lock"}


class FakeHosts(Hosts):
    """Hosts on which everything goes well but `fails`, once, or every time."""

    def __init__(self, fails: str = "", *, always: bool = False) -> None:
        super().__init__(Path("/nowhere"))
        self.fails, self.always = fails, always
        self.commands: list[tuple[str, str]] = []
        self.brought = False
        self.locked, self.lock_says = False, ["waits: another backup", "held 42"]
        self.answers = {
            "keep": f"/var/backups/congress/{KEPT}",
            "list": f"{KEPT}\n{OLDER}\nincoming.sql.gz",
            "look": DUMP.decode(),
            "check": LOADED,
            "key": ENCRYPTION_KEY,
            "software": '{"congress": "11.0.0", "revisions": ["c0125080d572", "initial_db"]}',
        }

    def run(
        self,
        host: str,
        command: str,
        *,
        stdin: bytes | IO[bytes] = b"",
        stdout: IO[bytes] | None = None,  # noqa: ARG002  as the real one
        timeout: float = 60,  # noqa: ARG002  as the real one
    ) -> str:
        text = command + (stdin.decode(errors="replace") if isinstance(stdin, bytes) else "")
        kind = next((kind for kind, sign in KINDS.items() if sign in text), "")
        if kind:
            if kind in NEED_LOCK:
                assert self.locked
                assert "CONGRESS_LOCK=42" in command
            self.commands.append((kind, host))
            self.happens(kind)
        self.brought |= kind == "bring"
        if kind == "load":
            (name,) = re.findall(r"zcat /var/backups/congress/(\S+)", command)
            self.commands[-1] = (f"load {name}", host)
        if kind and kind == self.fails:
            self.fails = kind if self.always else ""
            raise HostError(f"{host}: {kind} was made to fail")
        if kind == "send":
            assert not isinstance(stdin, bytes)
            return f"{archive.digest(stdin)}  -"
        return self.answers.get(kind, "")

    @contextmanager
    def session(self, host: str, command: str) -> Iterator[Iterator[str]]:
        assert host == "database"
        assert command.startswith(f"{LOCK} ")
        assert self.brought
        self.happens("lock")
        self.locked = True
        try:
            yield iter(self.lock_says)
        finally:
            self.locked = False

    def happens(self, kind: str) -> None:
        """For tests that do something meanwhile."""

    @property
    def kinds(self) -> list[str]:
        return [kind for kind, _ in self.commands if kind not in LOOKS]


def load_backup(hosts: Hosts, revision: str = "c0125080d572") -> None:
    sent = io.BytesIO(DUMP)
    manifest = archive.Manifest(
        format=1,
        written=datetime(2026, 11, 25, tzinfo=UTC),
        stack="old",
        congress="11.0.0",
        schema_revision=revision,
        sha256={archive.DUMP: archive.digest(sent)},
    )
    with prepared(hosts, STACK, Progress("restore")) as into:
        into.from_backup(archive.Backup(manifest, ENCRYPTION_KEY, sent), Path("a-backup"))


def load_dump(hosts: Hosts, name: str) -> None:
    with prepared(hosts, STACK, Progress("restore")) as into:
        into.from_dump(name)


def test_the_order_of_a_restore() -> None:
    hosts = FakeHosts()
    load_backup(hosts)
    incoming = ["load incoming.sql.gz", *CHANGE[1:]]
    assert hosts.kinds == ["send", "check", *STOP, "keep", *incoming, *START, "discard"]
    of = dict(hosts.commands)
    assert of["keep"] == of["load incoming.sql.gz"] == "database"
    assert of["migrate"] == of["reencrypt"] == of["stop node"] == "datasource-1"
    assert of["start 2"] == "policy-engine-host-2"


def test_a_dump_of_the_database_s_host_is_loaded_and_stays() -> None:
    hosts = FakeHosts()
    load_dump(hosts, f"/var/backups/congress/{OLDER}")
    incoming = ["load incoming.sql.gz", *CHANGE[1:]]
    # The dump of what is there may be the sixth of its kind.
    assert hosts.kinds == ["hold", "check", *STOP, "keep", *incoming, *START, "discard"]


@pytest.mark.parametrize("fails", [*CHANGE, *START])
def test_what_was_there_is_put_back_when_a_step_fails(fails: str) -> None:
    hosts = FakeHosts(fails)
    with pytest.raises(RestoreError) as failed:
        load_backup(hosts)
    assert re.fullmatch(
        rf"\S+: {fails} was made to fail. Nothing was restored: the services run again, the database is as it was",
        str(failed.value),
    )
    assert hosts.kinds[-8:] == [*STOP, f"load {KEPT}", *START, "discard"]


@pytest.mark.parametrize("fails", [*STOP, "keep"])
def test_a_database_that_was_not_touched_is_left_as_it_is(fails: str) -> None:
    hosts = FakeHosts(fails)
    with pytest.raises(RestoreError, match="the database is as it was"):
        load_backup(hosts)
    assert [kind for kind in hosts.kinds if kind.startswith("load")] == []
    assert hosts.kinds[-4:] == [*START, "discard"]


def test_what_cannot_be_put_back_is_said_with_the_way_out() -> None:
    hosts = FakeHosts("load", always=True)
    with pytest.raises(RestoreError) as failed:
        load_backup(hosts)
    assert "could not be restored either: database: load was made to fail" in str(failed.value)
    assert str(failed.value).endswith(f"make restore DUMP={KEPT}")


@pytest.mark.parametrize(
    ("fails", "way_out"),
    [
        ("stop 2", "this restore again"),
        ("load", f"make restore DUMP={KEPT}"),
        ("start 1", f"make restore DUMP={KEPT}"),
    ],
)
def test_without_the_lock_nothing_is_put_back_or_started(
    monkeypatch: pytest.MonkeyPatch, fails: str, way_out: str
) -> None:
    """Another restore may have it by now, and its services run."""
    hosts, seen = FakeHosts(fails), []

    def happens(kind: str) -> None:
        seen.append(kind)
        if kind == "require lock" and fails in seen:
            raise HostError("database: it was lost")

    monkeypatch.setattr(hosts, "happens", happens)
    with pytest.raises(RestoreError) as failed:
        load_backup(hosts)
    assert str(failed.value).endswith(
        f"{fails} was made to fail. Nothing was restored or started: database: it was lost. If another restore has"
        f" succeeded meanwhile, there is nothing to do; otherwise, when that is repaired: {way_out}"
    )
    assert hosts.kinds[-2].startswith(fails)
    assert hosts.kinds[-1] == "discard"


def test_nothing_stops_once_the_lock_is_lost() -> None:
    hosts = FakeHosts("require lock", always=True)
    with pytest.raises(RestoreError, match="Nothing was restored or started"):
        load_backup(hosts)
    assert hosts.kinds == ["send", "check", "discard"]


def test_a_host_that_is_lost_at_the_end_does_not_hide_how_the_restore_ended(
    capsys: pytest.CaptureFixture[str],
) -> None:
    hosts = FakeHosts("discard")
    load_backup(hosts)
    assert "incoming.sql.gz stays until the next restore: database: discard" in capsys.readouterr().out


def test_without_tables_there_is_nothing_to_put_back_but_the_services() -> None:
    hosts = FakeHosts("migrate")
    hosts.answers["keep"] = ""
    with pytest.raises(RestoreError, match="the database is empty, as it was"):
        load_backup(hosts)
    assert hosts.kinds[-9:] == [*STOP, "empty", "migrate", *START, "discard"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("kind", ["keep", "load", "start 1"])
def test_an_interruption_waits_for_the_step_and_puts_back(
    monkeypatch: pytest.MonkeyPatch, number: int, kind: str
) -> None:
    hosts, before = FakeHosts(), signal.getsignal(number)
    monkeypatch.setattr(hosts, "happens", lambda now: os.kill(os.getpid(), number) if now == kind else None)
    with pytest.raises(RestoreError, match=r"^interrupted. Nothing was restored"):
        load_backup(hosts)
    assert hosts.kinds[-4:] == [*START, "discard"]
    assert (f"load {KEPT}" in hosts.kinds) == (kind != "keep")
    assert signal.getsignal(number) == before


def test_the_database_is_marked_while_it_is_half_another_one() -> None:
    hosts = FakeHosts()
    load_backup(hosts)
    kinds = [kind for kind, _ in hosts.commands]
    marked = kinds[kinds.index("mark") : kinds.index("unmark")]
    assert marked == ["mark", "load incoming.sql.gz", "reencrypt", "migrate"]
    hosts = FakeHosts("load")
    with pytest.raises(RestoreError):
        load_backup(hosts)
    kinds = [kind for kind, _ in hosts.commands]
    assert kinds.index(f"load {KEPT}") < kinds.index("unmark") < kinds.index("start node")


def test_after_a_restore_that_was_cut_off_the_dump_of_before_it_is_what_was_there() -> None:
    """A dump of what that restore left would push the good one out, and be put back in its place."""
    hosts = FakeHosts("migrate")
    hosts.answers["unfinished"] = KEPT
    with pytest.raises(RestoreError, match="the database is as it was"):
        load_dump(hosts, KEPT)
    assert "keep" not in hosts.kinds
    assert f"load {KEPT}" in hosts.kinds


def test_what_a_restore_was_cut_off_in_never_runs_as_it_is() -> None:
    """Also where the next one fails before it touches the database, which is half loaded."""
    hosts = FakeHosts("stop node")
    hosts.answers["unfinished"] = KEPT
    with pytest.raises(RestoreError):
        load_dump(hosts, KEPT)
    started = [number for number, kind in enumerate(hosts.kinds) if kind.startswith("start")]
    assert not started or f"load {KEPT}" in hosts.kinds[: started[0]]


def test_while_another_one_works_on_the_database_nothing_is_touched() -> None:
    hosts = FakeHosts()
    hosts.lock_says = ["waits: another backup", "another backup works, still after 600 s"]
    with pytest.raises(HostError, match="database: another backup works, still after 600 s"):
        load_backup(hosts)
    assert hosts.kinds == []


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        (
            "unchecked /var/lib/mysql has 3 MiB free",
            "3 MiB free: free space there first; nothing was changed",
        ),
        (LOADED.replace("c0125080d572", "f00d"), "the dump has schema revision f00d, not c0125080d572"),
        (
            LOADED.replace(SECRET[:9].encode().hex(), "58" * 9),
            "the key does not decrypt the secrets of datasource nova",
        ),
    ],
)
def test_nothing_stops_for_a_dump_that_does_not_pass_its_trial(said: str, problem: str) -> None:
    hosts = FakeHosts()
    hosts.answers["check"] = said
    with pytest.raises(DatabaseError, match=problem):
        load_backup(hosts)
    assert hosts.kinds == ["send", "check", "discard"]


def test_nothing_stops_for_a_dump_that_cannot_be_loaded() -> None:
    hosts = FakeHosts("check")
    with pytest.raises(
        DatabaseError, match=r"incoming\.sql\.gz cannot be loaded: database: check was made to fail"
    ):
        load_backup(hosts)
    assert hosts.kinds == ["send", "check", "discard"]


def test_nothing_is_touched_for_a_schema_that_is_newer() -> None:
    hosts = FakeHosts()
    with pytest.raises(
        DatabaseError, match="a-backup has schema revision f00d, which this deployment's Congress"
    ):
        load_backup(hosts, revision="f00d")
    assert hosts.kinds == []


@pytest.mark.parametrize("name", ["../../etc/shadow", "incoming.sql.gz", "x; reboot", ""])
def test_a_dump_that_is_not_there_is_answered_with_those_that_are(name: str) -> None:
    hosts = FakeHosts()
    with pytest.raises(DatabaseError) as refused:
        load_dump(hosts, name)
    # The newest last.
    assert str(refused.value).endswith(f"there are: {OLDER}, {KEPT}")
    assert hosts.kinds == []


def test_a_dump_that_is_damaged_is_refused() -> None:
    hosts = FakeHosts("test")
    with pytest.raises(DatabaseError, match="the dump is damaged"):
        load_dump(hosts, OLDER)
    assert hosts.kinds == []


def test_an_engine_s_host_that_is_not_reached_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    hosts = FakeHosts()
    monkeypatch.setattr(hosts, "is_reachable", lambda host, *_: host != "policy-engine-host-2")
    with pytest.raises(HostError, match="policy-engine-host-2 is unreachable"):
        load_backup(hosts)
    assert hosts.kinds == []


def test_the_revision_is_read_from_a_dump_of_any_age() -> None:
    assert revision_in(io.BytesIO(DUMP)) == "c0125080d572"
    assert revision_in(io.BytesIO(DUMP.replace(b"VALUES\n(", b"VALUES ("))) == "c0125080d572"
    with pytest.raises(DatabaseError, match="none of Congress's database"):
        revision_in(io.BytesIO(b"INSERT INTO `policies` VALUES ('alembic_version');\n"))


def test_nothing_stops_where_the_programs_cannot_be_put() -> None:
    hosts = FakeHosts("bring")
    with pytest.raises(HostError, match="bring was made to fail"):
        load_backup(hosts)
    assert hosts.kinds == []


def test_a_known_revision_fits() -> None:
    require_known_revision(Software("11.0.0", frozenset({"c0125080d572"})), "c0125080d572", "x")


app = Typer()
app.command("backup")(backup.main)
app.command("restore")(restore.main)


@pytest.mark.parametrize("arguments", [[], ["a-file", "--dump", OLDER]])
def test_restore_wants_one_source(arguments: list[str]) -> None:
    done = CliRunner().invoke(app, ["restore", *arguments])
    assert (done.exit_code, done.output) == (
        1,
        "restore: name one: make restore FILE=a-backup, or DUMP=a-dump-on-the-database's-host\n",
    )


def test_a_file_is_looked_at_before_the_deployment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (backup, restore):
        monkeypatch.setattr(module, "read_deployment", lambda: pytest.fail("the deployment was asked"))
    there = tmp_path / "there"
    there.write_text("mine")
    for command, problem in (("backup", "already exists"), ("restore", "is not a backup of congress-ha")):
        done = CliRunner().invoke(app, [command, str(there)])
        assert done.exit_code == 1
        assert done.output.startswith(f"{command}: {there} {problem}")
        assert len(done.output.splitlines()) == 1


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


def test_a_backup_that_was_not_checked_says_so(
    answering: Answering, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answering.answers["check"] = "unchecked /var/lib/mysql has 3 MiB free, 64 MiB are needed"
    backup.backup(STACK, {}, tmp_path / "backup", Progress("backup"))
    told = capsys.readouterr().out
    assert "NOT checked by a trial load: /var/lib/mysql has 3 MiB free, 64 MiB are needed" in told
    assert " checked by" not in told


@pytest.mark.parametrize("said", [LOADED.replace(SECRET[:9].encode().hex(), "58" * 9), "loaded 9 f00d"])
def test_a_backup_that_does_not_pass_its_trial_is_none(
    answering: Answering, tmp_path: Path, said: str
) -> None:
    answering.answers["check"] = said
    with pytest.raises(DatabaseError, match=r"the key does not decrypt|has schema revision"):
        backup.backup(STACK, {}, tmp_path / "backup", Progress("backup"))
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_here_is_not_taken_for_a_host_that_is_lost(
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
