"""The command: what it does in which order, and how it goes on."""

from __future__ import annotations

import dataclasses
import os
import signal
import threading
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from typer import Typer
from typer.testing import CliRunner, Result

from tests.tools import changes
from tests.tools.healthy import STACK
from tests.tools.test_reach import OUTPUTS
from tests.tools.test_refusal import lost
from tools import archive, replace, replacement
from tools import pulumi as cli
from tools.facts import Facts
from tools.hosts import HostError
from tools.kept_data import Content
from tools.leaving import Leaving
from tools.pulumi import INSTANCE, STEP, Server
from tools.stack import StackError
from tools.unfinished import Begun, Unfinished

HOST = "policy-engine-host-2"
URN = f"urn:pulumi:dev::congress-ha::congress-ha:index:Host${INSTANCE}::{HOST}"
OLD, NEW = Server(URN, "old", gone=False), Server(URN, "new", gone=False)

app = Typer()
app.command()(replace.main)


@dataclass
class Stand:
    """Stands in for Pulumi, the hosts and the cloud. `fails`: what ends badly, by its first word."""

    note: Unfinished
    server: Server = OLD
    seen: Facts = field(default_factory=changes.healthy)
    fails: dict[str, bool | BaseException] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)

    def do(self, *words: str) -> bool:
        self.done.append(" ".join(words))
        failed = self.fails.get(words[0], False)
        if isinstance(failed, BaseException):
            raise failed
        return not failed

    def database_note(self) -> Unfinished:
        return Unfinished("dev", "database", self.note.file.parents[2])

    def run(self, host: str = HOST, *more: str) -> Result:
        self.done = []
        return CliRunner().invoke(app, [host, *more])


def replace_server(server: Server, id_: str) -> Server:
    return dataclasses.replace(server, id=id_)


@pytest.fixture
def stand(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Stand:
    known = Stand(Unfinished("dev", HOST, tmp_path))
    monkeypatch.setenv("STACK", "dev")
    monkeypatch.setattr(replacement, "read_outputs", lambda: OUTPUTS)
    monkeypatch.setattr(replacement, "parse", lambda *_: STACK)
    monkeypatch.setattr(replacement, "look_at", lambda *_: known.seen)
    monkeypatch.setattr(replacement, "server", lambda _: known.server)
    monkeypatch.setattr(replacement, "pulumi", known.do)
    monkeypatch.setattr(Leaving, "leave", lambda leaving: known.do("leave", leaving.host))
    monkeypatch.setattr(replacement, "settle", lambda _, host, __: known.do("settle", host))
    monkeypatch.setattr(replacement, "Unfinished", lambda stack, host: Unfinished(stack, host, tmp_path))
    monkeypatch.setattr(replacement, "WELL_AGAIN", 0)
    return known


WHOLE = [
    f"preview --replace {URN}",
    f"leave {HOST}",
    f"up --yes --skip-preview --replace {URN}",
]


def test_a_host_leaves_after_the_preview_and_before_its_server_is_replaced(stand: Stand) -> None:
    told = stand.run()
    assert told.exit_code == 0, told.output
    assert stand.done == WHOLE
    assert stand.note.read() is None
    first, *_, last = told.output.splitlines()
    assert first.startswith(f"replace: {HOST} of stack dev; its engines finish what they have")
    assert last.startswith(f"replace: {HOST} is replaced, and all is well; it took ")


@pytest.mark.parametrize(("host", "problem"), [("", "name a host"), ("db", "no host 'db' on this stack")])
def test_a_wrong_host_is_one_error_that_names_the_hosts(stand: Stand, host: str, problem: str) -> None:
    told = stand.run(host)
    assert (told.exit_code, stand.done) == (2, [])
    assert told.output == (
        f"replace: {problem}: make replace HOST=... with one of {', '.join(sorted(STACK.hosts))}\n"
    )


def test_nothing_is_changed_where_pulumi_refuses(stand: Stand) -> None:
    stand.fails["preview"] = True
    told = stand.run()
    assert (told.exit_code, stand.done) == (2, WHOLE[:1])
    assert told.output.endswith("Pulumi refuses, as it says above; nothing was changed\n")
    assert stand.note.read() is None


def test_the_last_engine_is_not_replaced(stand: Stand) -> None:
    stand.seen = lost(stand.seen, "policy-engine-host-1")
    told = stand.run()
    assert (told.exit_code, stand.done) == (2, [])
    assert "policy-engine-2 is the last engine that works" in told.output


def test_a_host_that_does_not_leave_keeps_its_server(stand: Stand) -> None:
    stand.fails["leave"] = HostError(f"{HOST}: systemctl stop: no answers within 200 s")
    told = stand.run()
    assert (told.exit_code, stand.done) == (1, WHOLE[:2])
    assert told.output.endswith(
        f"replace: {HOST}: systemctl stop: no answers within 200 s\nreplace: make replace HOST={HOST} goes on\n"
    )


@pytest.mark.parametrize("end", [True, KeyboardInterrupt()])
@pytest.mark.parametrize("now", [NEW, Server(URN, "old", gone=True)])
def test_once_the_old_server_is_deleted_the_rest_is_an_up(stand: Stand, end: Any, now: Server) -> None:
    stand.fails["up"] = end
    told = stand.run()
    assert (told.exit_code, stand.done) == (1, WHOLE[:3])
    assert told.output.endswith(f"make replace HOST={HOST} goes on\n")
    assert stand.note.read() == Begun("old")

    stand.fails, stand.server = {}, now
    told = stand.run()
    assert told.exit_code == 0, told.output
    assert stand.done == ["up --yes --skip-preview"]
    assert stand.note.read() is None


def test_before_the_old_server_is_deleted_all_is_done_again(stand: Stand) -> None:
    stand.note.write(Begun("old"))
    assert stand.run().exit_code == 0
    assert stand.done == WHOLE


def test_a_new_server_that_is_not_reached_is_replaced_again(stand: Stand) -> None:
    stand.note.write(Begun("old"))
    stand.server, stand.seen = NEW, lost(stand.seen, HOST)
    told = stand.run()
    assert stand.done == WHOLE
    assert told.exit_code == 1
    assert (
        f"replace: {HOST} is replaced, but make status says: servers: {HOST} cannot be reached" in told.output
    )
    assert stand.note.read() is None


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


ONLY = "--target URN --target URN-of-a-step"
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


def test_a_backup_is_for_the_database(stand: Stand) -> None:
    told = stand.run("messaging", "/my/backup")
    assert (told.exit_code, stand.done) == (2, [])
    assert told.output == "replace: messaging holds no data that could be loaded from /my/backup\n"


@pytest.mark.parametrize("lost_too", [True, False])
def test_a_bastion_does_not_wait_for_another_host_that_is_lost(stand: Stand, lost_too: bool) -> None:  # noqa: FBT001
    stand.server = Server("URN", "old", gone=False, steps=("URN-of-a-step",))
    if lost_too:
        stand.seen = changes.host(stand.seen, "messaging", status="missing")
    told = stand.run("bastion")
    assert stand.done == [
        f"preview --replace URN {ONLY}",
        "leave bastion",
        f"up --yes --skip-preview --replace URN {ONLY}",
        *([] if lost_too else ["up --yes --skip-preview"]),
    ]
    assert ("make replace HOST=messaging is next" in told.output) == lost_too


def test_a_stack_without_outputs_is_said(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing() -> None:
        raise StackError("no stack named 'prod' found")

    monkeypatch.setattr(replacement, "read_outputs", nothing)
    told = stand.run()
    assert (told.exit_code, told.output) == (2, "replace: no stack named 'prod' found\n")


def test_the_note_is_private(tmp_path: Path) -> None:
    note = Unfinished("organization/congress-ha/prod", "database", tmp_path)
    note.write(Begun("id", "backup", "digest"))
    assert note.file.stat().st_mode & 0o777 == 0o600
    assert note.read() == Begun("id", "backup", "digest")


def test_a_server_is_found_by_its_name_in_the_state() -> None:
    def resource(name: str, type_: str = INSTANCE, **more: Any) -> dict[str, Any]:
        return {"urn": URN.replace(HOST, name), "type": type_, "id": f"id-{name}", **more}

    exported = {
        "deployment": {
            "resources": [
                resource("a-host"),
                resource("host", type_="openstack:networking/port:Port"),
                resource("host", pendingReplacement=True),
                resource("a-step", STEP, deletedWith=URN.replace(HOST, "host")),
                resource("a-step-elsewhere", STEP, deletedWith=URN),
                resource("host-reachable", STEP, deletedWith=URN),
                resource("other-reachable", STEP, deletedWith=URN.replace(HOST, "host")),
            ]
        }
    }
    assert cli.find("a-host", exported).gone is False
    steps = (URN.replace(HOST, "a-step"), URN.replace(HOST, "host-reachable"))
    assert cli.find("host", exported) == Server(URN.replace(HOST, "host"), "id-host", gone=True, steps=steps)
    with pytest.raises(StackError, match="no server of database"):
        cli.find("database", exported)


def test_ctrl_c_waits_until_pulumi_has_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program, begun, ended = (tmp_path / name for name in ("pulumi", "begun", "ended"))
    program.write_text(f"#!/bin/sh\ntouch {begun}; sleep 1; touch {ended}; exit 0\n")
    program.chmod(0o755)
    monkeypatch.setattr(cli, "PULUMI", program)

    def interrupt() -> None:
        while not begun.exists():
            pass
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        cli.pulumi("up")
    assert ended.exists()


@pytest.mark.parametrize(("code", "well"), [(0, True), (1, False)])
def test_pulumi_s_exit_code_is_its_verdict(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    code: int,
    well: bool,  # noqa: FBT001
) -> None:
    program = tmp_path / "pulumi"
    program.write_text(
        f'#!/bin/sh\n[ "$*" = "up --yes --non-interactive --suppress-outputs" ] || exit 9\nexit {code}\n'
    )
    program.chmod(0o755)
    monkeypatch.setattr(cli, "PULUMI", program)
    assert cli.pulumi("up", "--yes") is well
