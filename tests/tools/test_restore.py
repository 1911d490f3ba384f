"""The order of a restore, and that whatever fails in it is put back."""

from __future__ import annotations

import io
import os
import re
import signal
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

import pytest
from cryptography.fernet import Fernet
from typer import Typer
from typer.testing import CliRunner

from tests.tools.healthy import STACK
from tools import archive, backup, restore
from tools.congress_database import DatabaseError, Software, fits, revision_in
from tools.hosts import HostError, Hosts
from tools.progress import Progress
from tools.restore import Restore, RestoreError

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
    "send": "gzip -1",
    "keep": "congress-dump before-restore",
    "hold": "ln -f /var/backups/congress/before-migration",
    "list": "ls /var",
    "test": "gzip -t",
    "look": "grep -m 1",
    "discard": "rm -f",
    "stop 1": "systemctl stop congress-policy-engine@policy-engine-1",
    "stop 2": "systemctl stop congress-policy-engine@policy-engine-2",
    "stop node": "--parameter-value Stopped",
    "load": "mariadb",
    "reencrypt": "reencrypt(",
    "software": "walk_revisions",
    "migrate": "upgrade head",
    "start node": "--delete-parameter",
    "start 1": "systemctl start congress-policy-engine@policy-engine-1",
    "start 2": "systemctl start congress-policy-engine@policy-engine-2",
}
STOP, START = ["stop 1", "stop 2", "stop node"], ["start node", "start 1", "start 2"]
CHANGE = ["load", "reencrypt", "migrate"]


class FakeHosts(Hosts):
    """Hosts on which everything goes well but `fails`, once, or every time."""

    def __init__(self, fails: str = "", *, always: bool = False) -> None:
        super().__init__(Path("/nowhere"))
        self.fails, self.always = fails, always
        self.commands: list[tuple[str, str]] = []
        self.answers = {
            "keep": f"/var/backups/congress/{KEPT}",
            "list": f"{KEPT}\n{OLDER}\nincoming.sql.gz",
            "look": DUMP.decode(),
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
        text = command + (stdin.decode() if isinstance(stdin, bytes) else "")
        kind = next((kind for kind, sign in KINDS.items() if sign in text), "")
        if kind:
            self.commands.append((kind, host))
            self.happens(kind)
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

    def happens(self, kind: str) -> None:
        """For tests that do something meanwhile."""

    @property
    def kinds(self) -> list[str]:
        return [kind for kind, _ in self.commands if kind not in {"software", "list", "test", "look"}]


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
    into = Restore(hosts, STACK, Progress("restore"))
    into.from_backup(archive.Backup(manifest, ENCRYPTION_KEY, sent), Path("a-backup"))


def test_the_order_of_a_restore() -> None:
    hosts = FakeHosts()
    load_backup(hosts)
    incoming = ["load incoming.sql.gz", *CHANGE[1:]]
    assert hosts.kinds == ["send", "keep", *STOP, *incoming, *START, "discard"]
    of = dict(hosts.commands)
    assert of["keep"] == of["load incoming.sql.gz"] == "database"
    assert of["migrate"] == of["reencrypt"] == of["stop node"] == "datasource-1"
    assert of["start 2"] == "policy-engine-host-2"


def test_a_dump_of_the_database_s_host_is_loaded_and_stays() -> None:
    hosts = FakeHosts()
    Restore(hosts, STACK, Progress("restore")).from_dump(f"/var/backups/congress/{OLDER}")
    incoming = ["load incoming.sql.gz", *CHANGE[1:]]
    # The dump of what is there may be the sixth of its kind.
    assert hosts.kinds == ["hold", "keep", *STOP, *incoming, *START, "discard"]


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


@pytest.mark.parametrize("fails", STOP)
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
    assert "could not be put back: database: load was made to fail" in str(failed.value)
    assert str(failed.value).endswith(f"make restore DUMP={KEPT}")


def test_a_host_that_is_lost_at_the_end_does_not_hide_how_the_restore_ended(
    capsys: pytest.CaptureFixture[str],
) -> None:
    hosts = FakeHosts("discard")
    load_backup(hosts)
    assert "incoming.sql.gz stays until the next restore: database: discard" in capsys.readouterr().out


def test_without_tables_there_is_nothing_to_put_back_but_the_services() -> None:
    hosts = FakeHosts("migrate")
    hosts.answers["keep"] = ""
    with pytest.raises(RestoreError, match="not as it was: there were no tables to keep"):
        load_backup(hosts)
    assert hosts.kinds[-4:] == [*START, "discard"]


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
        Restore(hosts, STACK, Progress("restore")).from_dump(name)
    # The newest last.
    assert str(refused.value).endswith(f"there: {OLDER}, {KEPT}")
    assert hosts.kinds == []


def test_a_dump_that_is_damaged_is_refused() -> None:
    hosts = FakeHosts("test")
    with pytest.raises(DatabaseError, match="the dump is damaged"):
        Restore(hosts, STACK, Progress("restore")).from_dump(OLDER)
    assert hosts.kinds == []


def test_an_engine_s_host_that_is_not_reached_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    hosts = FakeHosts()
    monkeypatch.setattr(hosts, "reached", lambda host, *_: host != "policy-engine-host-2")
    with pytest.raises(HostError, match="policy-engine-host-2 was not reached"):
        load_backup(hosts)
    assert hosts.kinds == []


def test_the_revision_is_read_from_a_dump_of_any_age() -> None:
    assert revision_in(io.BytesIO(DUMP)) == "c0125080d572"
    assert revision_in(io.BytesIO(DUMP.replace(b"VALUES\n(", b"VALUES ("))) == "c0125080d572"
    with pytest.raises(DatabaseError, match="none of Congress's database"):
        revision_in(io.BytesIO(b"INSERT INTO `policies` VALUES ('alembic_version');\n"))


def test_a_known_revision_fits() -> None:
    fits(Software("11.0.0", frozenset({"c0125080d572"})), "c0125080d572", "x")


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
        monkeypatch.setattr(module, "deployed", lambda: pytest.fail("the deployment was asked"))
    there = tmp_path / "there"
    there.write_text("mine")
    for command, problem in (("backup", "exists already"), ("restore", "is no backup of congress-ha")):
        done = CliRunner().invoke(app, [command, str(there)])
        assert done.exit_code == 1
        assert done.output.startswith(f"{command}: {there} {problem}")
        assert len(done.output.splitlines()) == 1


def test_a_backup_holds_what_the_hosts_have(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Answering(FakeHosts):
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
                stdout.write(DUMP)
            if command == "cat /etc/congress/keys/aes_key":
                return f"{ENCRYPTION_KEY}\n"
            return super().run(host, command, stdin=stdin, stdout=stdout, timeout=timeout)

    class Connected:
        def __enter__(self) -> Hosts:
            return Answering()

        def __exit__(self, *_: object) -> None:
            pass

    monkeypatch.setattr(backup, "connected", lambda *_: Connected())
    file = tmp_path / "backup"
    backup.backup(STACK, {}, file, Progress("backup"))
    with archive.read(file) as made:
        assert (made.dump.read(), made.key) == (DUMP, ENCRYPTION_KEY)
        assert (made.manifest.congress, made.manifest.schema_revision) == ("11.0.0", "c0125080d572")
