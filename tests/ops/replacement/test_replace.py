"""The command: what it does in which order, and how it goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ops.replacement import procedure
from ops.replacement.interrupted_run import Begun, Unfinished
from ops.ssh.commands import HostError
from ops.stack.host_server import Server
from ops.stack.outputs import StackError
from tests.ops import changes
from tests.ops.healthy import STACK
from tests.ops.replacement.test_preconditions import lost
from tests.ops.replacing import HOST, NEW, ONLY, URN, Stand

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
    assert first.startswith(f"replace: {HOST} of stack dev; its engines finish their current requests")
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

    monkeypatch.setattr(procedure, "read_outputs", nothing)
    told = stand.run()
    assert (told.exit_code, told.output) == (2, "replace: no stack named 'prod' found\n")


def test_the_note_is_private(tmp_path: Path) -> None:
    note = Unfinished("organization/congress-ha/prod", "database", tmp_path)
    note.write(Begun("id", "backup", "digest"))
    assert note.file.stat().st_mode & 0o777 == 0o600
    assert note.read() == Begun("id", "backup", "digest")


def test_with_another_login_nothing_is_taken_for_gone(stand: Stand) -> None:
    stand.elsewhere = "this login is for project another, the stack is in project mine: log in there"
    told = stand.run()
    assert told.exit_code == 2
    assert f"replace: {stand.elsewhere}; nothing was changed\n" in told.output
    assert stand.done == []
    assert not stand.note.file.exists()


def test_two_replacements_of_one_stack_do_not_run_at_once(stand: Stand) -> None:
    with stand.database_note().alone():
        told = stand.run()
    assert (told.exit_code, stand.done) == (2, [])
    assert told.output == (
        "replace: another make replace of this stack goes on: wait for its end; nothing was changed\n"
    )
    assert stand.run().exit_code == 0


@pytest.mark.parametrize(("when", "done"), [("preview", WHOLE[:1]), ("leave", WHOLE[:2])])
def test_a_server_that_somebody_else_made_meanwhile_stays(
    stand: Stand, monkeypatch: pytest.MonkeyPatch, when: str, done: list[str]
) -> None:
    first = stand.do

    def do(*words: str) -> bool:
        if words[0] == when:
            stand.server = NEW
        return first(*words)

    monkeypatch.setattr(stand, "do", do)
    monkeypatch.setattr(procedure, "_pulumi", do)
    told = stand.run()
    assert (told.exit_code, stand.done) == (1, done)
    assert f"somebody else replaced {HOST} meanwhile" in told.output
