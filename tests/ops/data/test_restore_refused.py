"""What a restore refuses before any service stops."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from typer import Typer
from typer.testing import CliRunner

from ops.common.progress import Progress
from ops.data import backup, restore
from ops.data.content import Content
from ops.data.dump import DatabaseError, Software, require_known_revision
from ops.data.restore import prepared
from ops.ssh.commands import HostError
from tests.ops.support.fake_database_hosts import (
    LOADED,
    OLDER,
    SAVED_DUMP,
    SECRET,
    FakeHosts,
    load_backup,
    load_dump,
)
from tests.ops.support.sample_stack import STACK

app = Typer()
app.command("backup")(backup.main)
app.command("restore")(restore.main)


def test_nothing_changes_while_another_tool_uses_the_database() -> None:
    hosts = FakeHosts()
    hosts.lock_output = ["waits: another backup", "another backup works, still after 600 s"]
    with pytest.raises(HostError, match="database: another backup works, still after 600 s"):
        load_backup(hosts)
    assert hosts.kinds == []


def test_a_backup_of_another_stack_does_not_replace_data(monkeypatch: pytest.MonkeyPatch) -> None:
    present = Content({"policies": 5, "rules": 9, "datasources": 1}, "digest")
    monkeypatch.setattr(restore, "content_if_any", lambda *_: present)
    hosts = FakeHosts()
    with pytest.raises(
        DatabaseError, match="a backup of stack old, and stack dev has data of its own, 5 policies"
    ):
        load_backup(hosts)
    assert hosts.kinds == []


@pytest.mark.parametrize(
    ("output", "problem"),
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
def test_nothing_stops_for_a_dump_that_fails_its_trial_load(output: str, problem: str) -> None:
    hosts = FakeHosts()
    hosts.answers["check"] = output
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


def test_a_newer_schema_is_refused_before_anything_changes() -> None:
    hosts = FakeHosts()
    with pytest.raises(
        DatabaseError, match="a-backup has schema revision f00d, which this deployment's Congress"
    ):
        load_backup(hosts, revision="f00d")
    assert hosts.kinds == []


@pytest.mark.parametrize("name", ["../../etc/shadow", "incoming.sql.gz", "x; reboot", ""])
def test_a_missing_dump_is_answered_with_the_existing_ones(name: str) -> None:
    hosts = FakeHosts()
    with pytest.raises(DatabaseError) as refused:
        load_dump(hosts, name)
    # The newest last.
    assert str(refused.value).endswith(f"there are: {OLDER}, {SAVED_DUMP}")
    assert hosts.kinds == []


def test_a_damaged_dump_is_refused() -> None:
    hosts = FakeHosts("test")
    with pytest.raises(DatabaseError, match="the dump is damaged"):
        load_dump(hosts, OLDER)
    assert hosts.kinds == []


def test_an_unreachable_engine_host_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    hosts = FakeHosts()
    monkeypatch.setattr(hosts, "is_reachable", lambda host, *_: host != "policy-engine-host-2")
    with pytest.raises(HostError, match="policy-engine-host-2 is unreachable"):
        load_backup(hosts)
    assert hosts.kinds == []


def test_nothing_stops_if_the_programs_cannot_be_installed() -> None:
    hosts = FakeHosts("bring")
    with pytest.raises(HostError, match="bring was made to fail"):
        load_backup(hosts)
    assert hosts.kinds == []


def test_a_supported_revision_is_accepted() -> None:
    require_known_revision(Software("11.0.0", frozenset({"c0125080d572"})), "c0125080d572", "x")


@pytest.mark.parametrize("arguments", [[], ["a-file", "--dump", OLDER]])
def test_restore_requires_exactly_one_source(arguments: list[str]) -> None:
    done = CliRunner().invoke(app, ["restore", *arguments])
    assert (done.exit_code, done.output) == (
        1,
        "restore: name one: make restore FILE=a-backup, or DUMP=a-dump-on-the-database's-host\n",
    )


def test_a_file_is_checked_before_the_deployment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (backup, restore):
        monkeypatch.setattr(module, "read_deployment", lambda _: pytest.fail("the deployment was asked"))
    existing = tmp_path / "there"
    existing.write_text("mine")
    for command, problem in (("backup", "already exists"), ("restore", "is not a backup of congress-ha")):
        done = CliRunner().invoke(app, [command, str(existing)])
        assert done.exit_code == 1
        assert done.output.startswith(f"{command}: {existing} {problem}")
        assert len(done.output.splitlines()) == 1


def test_a_dump_on_another_host_of_the_database_is_named() -> None:
    """Each is made where the writer is at that moment."""
    hosts = FakeHosts()
    stack = replace(STACK, hosts={**STACK.hosts, "database-2": STACK.hosts["database"]})
    with prepared(hosts, stack, Progress("restore")) as into, pytest.raises(DatabaseError) as refused:
        into.from_dump("before-migration-20261120T160000Z.sql.gz")
    assert "before-migration-20261120T160000Z.sql.gz is on database-2" in str(refused.value)
    assert "make ssh HOST=database-2 ARGS='sudo congress-database take'" in str(refused.value)
