"""`make replace`: the order of its steps, and how it continues an interrupted run."""

from __future__ import annotations

from typing import Any

import pytest

from ops.replacement import procedure
from ops.replacement.interrupted_run import ReplacementRecord
from ops.ssh.commands import HostError
from ops.stack.host_server import Server
from ops.stack.outputs import StackError
from tests.ops.support import fact_changes as changes
from tests.ops.support.fake_replacement import HOST, NEW, ONLY, URN, Simulation
from tests.ops.support.lost_hosts import unreachable
from tests.ops.support.sample_stack import STACK

WHOLE = [
    f"preview --replace {URN}",
    f"leave {HOST}",
    f"up --yes --skip-preview --replace {URN}",
]


def test_a_host_leaves_after_the_preview_and_before_its_server_is_replaced(simulation: Simulation) -> None:
    result = simulation.run()
    assert result.exit_code == 0, result.output
    assert simulation.done == WHOLE
    assert simulation.record_file.read() is None
    first, *_, last = result.output.splitlines()
    assert first.startswith(f"replace: {HOST} of stack dev; its engines finish their current requests")
    assert last.startswith(f"replace: {HOST} is replaced, and nothing is wrong; it took ")


@pytest.mark.parametrize(("host", "problem"), [("", "name a host"), ("db", "no host 'db' on this stack")])
def test_a_wrong_host_is_one_error_that_names_the_hosts(
    simulation: Simulation, host: str, problem: str
) -> None:
    result = simulation.run(host)
    assert (result.exit_code, simulation.done) == (2, [])
    assert result.output == (
        f"replace: {problem}: make replace HOST=... with one of {', '.join(sorted(STACK.hosts))}\n"
    )


def test_nothing_is_changed_where_pulumi_refuses(simulation: Simulation) -> None:
    simulation.fails["preview"] = True
    result = simulation.run()
    assert (result.exit_code, simulation.done) == (2, WHOLE[:1])
    assert result.output.endswith("Pulumi refuses, see above; nothing was changed\n")
    assert simulation.record_file.read() is None


def test_the_last_engine_is_not_replaced(simulation: Simulation) -> None:
    simulation.facts = unreachable(simulation.facts, "policy-engine-host-1")
    result = simulation.run()
    assert (result.exit_code, simulation.done) == (2, [])
    assert "policy-engine-2 is the last working engine" in result.output


def test_a_host_that_does_not_leave_keeps_its_server(simulation: Simulation) -> None:
    simulation.fails["leave"] = HostError(f"{HOST}: systemctl stop: no answers within 200 s")
    result = simulation.run()
    assert (result.exit_code, simulation.done) == (1, WHOLE[:2])
    assert result.output.endswith(
        f"replace: {HOST}: systemctl stop: no answers within 200 s\nreplace: make replace HOST={HOST} continues\n"
    )


@pytest.mark.parametrize("end", [True, KeyboardInterrupt()])
@pytest.mark.parametrize("now", [NEW, Server(URN, "old", gone=True)])
def test_once_the_old_server_is_deleted_the_rest_is_an_up(
    simulation: Simulation, end: Any, now: Server
) -> None:
    simulation.fails["up"] = end
    result = simulation.run()
    assert (result.exit_code, simulation.done) == (1, WHOLE[:3])
    assert result.output.endswith(f"make replace HOST={HOST} continues\n")
    assert simulation.record_file.read() == ReplacementRecord("old")

    simulation.fails, simulation.server = {}, now
    result = simulation.run()
    assert result.exit_code == 0, result.output
    assert simulation.done == ["up --yes --skip-preview"]
    assert simulation.record_file.read() is None
    # That server may be weeks old by now.
    assert f"replace: the earlier replacement of {HOST} is finished, and nothing is wrong" in result.output
    assert f"to replace this server, too, run make replace HOST={HOST} again" in result.output


def test_before_the_old_server_is_deleted_all_is_done_again(simulation: Simulation) -> None:
    simulation.record_file.write(ReplacementRecord("old"))
    assert simulation.run().exit_code == 0
    assert simulation.done == WHOLE


def test_a_new_server_that_is_not_reached_is_replaced_again(simulation: Simulation) -> None:
    simulation.record_file.write(ReplacementRecord("old"))
    simulation.server, simulation.facts = NEW, unreachable(simulation.facts, HOST)
    result = simulation.run()
    assert simulation.done == WHOLE
    assert result.exit_code == 1
    assert (
        f"replace: {HOST} is replaced, but make status reports: servers: {HOST} cannot be reached"
        in result.output
    )
    assert simulation.record_file.read() is None


def test_a_backup_is_for_the_database(simulation: Simulation) -> None:
    result = simulation.run("messaging", "/my/backup")
    assert (result.exit_code, simulation.done) == (2, [])
    assert result.output == "replace: messaging holds no data that could be loaded from /my/backup\n"


@pytest.mark.parametrize("lost_too", [True, False])
def test_a_bastion_does_not_wait_for_another_host_that_is_lost(
    simulation: Simulation,
    lost_too: bool,  # noqa: FBT001
) -> None:
    simulation.server = Server("URN", "old", gone=False, steps=("URN-of-a-step",))
    if lost_too:
        simulation.facts = changes.host(simulation.facts, "messaging", status="missing")
    result = simulation.run("bastion")
    assert simulation.done == [
        f"preview --replace URN {ONLY}",
        "leave bastion",
        f"up --yes --skip-preview --replace URN {ONLY}",
        *([] if lost_too else ["up --yes --skip-preview"]),
    ]
    assert ("run make replace HOST=messaging next" in result.output) == lost_too


def test_a_stack_without_outputs_is_reported(simulation: Simulation, monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing() -> None:
        raise StackError("no stack named 'prod' found")

    monkeypatch.setattr(procedure, "read_outputs", nothing)
    result = simulation.run()
    assert (result.exit_code, result.output) == (2, "replace: no stack named 'prod' found\n")


def test_with_another_login_nothing_is_taken_for_gone(simulation: Simulation) -> None:
    simulation.mismatch = "this login is for project another, the stack is in project mine: log in there"
    result = simulation.run()
    assert result.exit_code == 2
    assert f"replace: {simulation.mismatch}; nothing was changed\n" in result.output
    assert simulation.done == []
    assert not simulation.record_file.file.exists()


def test_two_replacements_of_one_stack_do_not_run_at_once(simulation: Simulation) -> None:
    with simulation.database_record_file().exclusive():
        result = simulation.run()
    assert (result.exit_code, simulation.done) == (2, [])
    assert result.output == (
        "replace: another make replace of this stack is running: wait until it ends; nothing was changed\n"
    )
    assert simulation.run().exit_code == 0


@pytest.mark.parametrize(("when", "done"), [("preview", WHOLE[:1]), ("leave", WHOLE[:2])])
def test_a_server_that_somebody_else_made_meanwhile_stays(
    simulation: Simulation, monkeypatch: pytest.MonkeyPatch, when: str, done: list[str]
) -> None:
    first = simulation.do

    def do(*words: str) -> bool:
        if words[0] == when:
            simulation.server = NEW
        return first(*words)

    monkeypatch.setattr(simulation, "do", do)
    monkeypatch.setattr(procedure, "_pulumi", do)
    result = simulation.run()
    assert (result.exit_code, simulation.done) == (1, done)
    assert f"another run replaced {HOST} meanwhile" in result.output
