"""The commands verify and repair: what they show, what they ask for, exit codes."""

from __future__ import annotations

import json
from collections.abc import Iterable
from concurrent.futures import Future
from contextlib import nullcontext
from typing import Any

import openstack
import pytest
from openstack.connection import Connection
from openstack.exceptions import SDKException
from typer import Typer
from typer.testing import CliRunner, Result

from components.preflight.scope import Scope
from components.preflight.state import State
from ops.common.limits import Limits
from ops.drift import repair, verify
from ops.drift.hosts import Drift
from ops.drift.verify import Comparison
from ops.ssh.survey import Report
from ops.stack.outputs import Host, Stack, StackError
from tests.ops.drifted import ANSWER, CHANGES, state, view
from tests.ops.fake_cloud import FakeCloud

STACK = Stack(
    name="dev",
    hosts={name: Host(name, f"congress-dev-{name}") for name in ("bastion", "database")},
    engines=(),
    node_id="datasource-node",
    endpoint="https://192.0.2.10:1789",
    ca_certificate="",
)


def report(*findings: dict[str, Any]) -> Report:
    told = json.dumps({**ANSWER, "findings": list(findings)})
    return Report(answers={"drift": {"code": 0, "out": told, "err": "", "seconds": 0.1}})


def run(
    monkeypatch: pytest.MonkeyPatch, *arguments: str, cloud: object = None, database: Report | None = None
) -> Result:
    monkeypatch.setattr(verify, "read_outputs", dict)
    monkeypatch.setattr(verify, "parse", lambda *_: STACK)
    monkeypatch.setattr(verify, "read_state", state)
    monkeypatch.setattr(verify, "cloud_now", lambda *_: cloud or view())
    reports = {"bastion": report(), "database": database or report()}
    monkeypatch.setattr(verify, "run_on_hosts", lambda *_: reports)
    monkeypatch.setenv("STACK", "dev")
    app = Typer()
    app.command()(verify.main)
    return CliRunner().invoke(app, arguments)


def test_a_stack_as_it_was_put_is_one_table_and_exit_code_0(monkeypatch: pytest.MonkeyPatch) -> None:
    done = run(monkeypatch)
    assert done.exit_code == 0, done.output
    rows = [line.split("  ")[0] for line in done.output.splitlines()[2:-1]]
    assert rows == ["servers", "ports", "security groups", "floating IPs", "bastion", "database"]
    assert "3 files, 1 service, 2 packages" in done.output
    assert done.output.splitlines()[-1].startswith("All is well (looked for ")


def test_what_differs_is_named_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    edited = report({"what": "/etc/x was edited", "steps": ["database-ready"]})
    done = run(monkeypatch, "--json", cloud=CHANGES["rule removed"][0], database=edited)
    assert done.exit_code == 1
    told = json.loads(done.output)
    assert (told["ok"], told["roles"]["database"]["state"]) == (False, "wrong")
    assert [(one["role"], one["what"], one["way_out"]) for one in told["findings"]] == [
        ("security groups", "rule database-tcp-22 is gone", "make repair: creates it again"),
        ("database", "/etc/x was edited", "make repair: runs database-ready again"),
    ]


def test_a_host_that_is_not_reached_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    done = run(monkeypatch, database=Report("no connection within 5 s", connected=False))
    assert done.exit_code == 1
    assert "wrong database: could not be checked: no connection within 5 s -> make status" in done.output


def test_a_cloud_that_does_not_answer_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    done = run(monkeypatch, cloud="no login")
    assert done.exit_code == 1
    assert "wrong cloud: could not be asked: no login" in done.output
    assert "ports            unseen" in done.output


@pytest.mark.parametrize("command", [verify, repair])
def test_without_a_deployment_the_exit_code_is_2(monkeypatch: pytest.MonkeyPatch, command: Any) -> None:
    def nothing() -> None:
        raise StackError("no stack named 'prod' found")

    monkeypatch.setattr(verify, "read_outputs", nothing)
    monkeypatch.setattr(verify, "read_state", state)
    monkeypatch.setattr(verify, "cloud_now", lambda *_: view())
    app = Typer()
    app.command()(command.main)
    done = CliRunner().invoke(app, [])
    name = command.__name__.rpartition(".")[2]
    assert (done.exit_code, done.output) == (2, f"{name}: no stack named 'prod' found\n")


class Stage:
    """What repair sees in each look, and what it does."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *looks: Iterable[Drift], up: int = 0) -> None:
        self.looks, self.up = [tuple(look) for look in looks], up
        self.ups: list[list[Any]] = []
        monkeypatch.setattr(repair, "compare_stack", lambda _: self.look())
        monkeypatch.setattr(repair, "PAUSE", 0)
        monkeypatch.setattr(openstack, "connect", nullcontext)
        monkeypatch.setattr(repair, "work", self.work)
        monkeypatch.setenv("STACK", "dev")

    def look(self) -> Comparison:
        """The next look; the last one stays."""
        drifts = self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]
        return Comparison({}, drifts, 0.1, frozenset(d.role for d in drifts if d.mend == "make status"))

    def work(self, *arguments: str) -> int:
        self.ups.append([*arguments])
        return self.up

    def result(self) -> Result:
        app = Typer()
        app.command()(repair.main)
        return CliRunner().invoke(app, [])


UP = ["up", "--yes", "--skip-preview", "--non-interactive", "--refresh", "--continue-on-error"]
GONE = Drift("ports", "port x is gone", "creates it again")
EDITED = Drift("database", "x was edited", "runs a, b again", steps=("urn:b", "urn:a"))
STOPPED = Drift("database", "service y is inactive", "runs a again", steps=("urn:a",))
SILENT = Drift("messaging", "could not be checked", "make status", by_hand=True)


def test_each_step_runs_again_once_in_one_up(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch, [EDITED, STOPPED, GONE], [])
    done = stage.result()
    assert done.exit_code == 0, done.output
    assert stage.ups == [[*UP, "--replace", "urn:a", "--replace", "urn:b"]]
    assert "wrong database: x was edited -> make repair: runs a, b again" in done.output
    assert done.output.splitlines()[-1].startswith("All is well")


def test_nothing_is_done_when_nothing_differs(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch, [])
    assert (stage.result().exit_code, stage.ups) == (0, [])


def test_what_only_the_cloud_can_is_asked_of_it_and_needs_no_up(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Connection] = []
    foreign = Drift("security groups", "a foreign rule", "removes it", call=asked.append)
    stage = Stage(monkeypatch, [foreign], [])
    done = stage.result()
    assert (done.exit_code, stage.ups, len(asked)) == (0, [], 1)
    assert "repair: removes it: a foreign rule\n" in done.output


def test_a_cloud_that_refuses_is_said_and_left(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Connection) -> None:
        raise SDKException("not allowed")

    foreign = Drift("security groups", "a foreign rule", "removes it", call=refuse)
    done = Stage(monkeypatch, [foreign]).result()
    assert done.exit_code == 1
    assert "repair: the cloud refuses it: not allowed" in done.output


def test_a_host_that_starts_is_waited_for_and_its_own_findings_are_put_right(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    off = Drift("servers", "messaging is SHUTOFF", "starts it", call=lambda _: None)
    stage = Stage(monkeypatch, [off], [SILENT], [STOPPED], [STOPPED], [])
    done = stage.result()
    assert done.exit_code == 0, done.output
    assert stage.ups == [[*UP, "--replace", "urn:a"]]


def test_what_does_not_help_is_not_done_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch, [EDITED], [EDITED], up=255)
    done = stage.result()
    assert (done.exit_code, len(stage.ups)) == (1, 1)
    assert "repair: pulumi up ended with 255" in done.output


def test_what_an_operator_has_to_do_is_left_to_him(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch, [SILENT])
    assert (stage.result().exit_code, stage.ups) == (1, [])


@pytest.mark.parametrize("project", ["project", "another"])
def test_another_project_is_not_compared(monkeypatch: pytest.MonkeyPatch, project: str) -> None:
    """There everything of the stack's would be gone, and `make repair` would make it anew."""
    stack: Future[State] = Future()
    stack.set_result(State((), Scope(project, "RegionOne")))
    monkeypatch.setattr(openstack, "connect", lambda **_: nullcontext(FakeCloud()))
    seen = verify.cloud_now(Limits(), stack)
    if project == "project":
        assert not isinstance(seen, str)
    else:
        assert isinstance(seen, str)
        assert seen.startswith(
            "this login is for project project in region RegionOne, the stack is in project another"
        )
