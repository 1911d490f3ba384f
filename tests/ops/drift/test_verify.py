"""The command verify: its table, its requests and its exit codes."""

from __future__ import annotations

import json
from concurrent.futures import Future
from contextlib import nullcontext
from typing import Any

import openstack
import pytest
from typer import Typer
from typer.testing import CliRunner, Result

from components.preflight.scope import Scope
from components.preflight.state import State
from ops.common.limits import Limits
from ops.drift import repair, verify
from ops.ssh.survey import Report
from ops.stack.outputs import Host, Stack, StackError
from tests.ops.support.cloud_changes import ANSWER, CHANGES, state, view
from tests.ops.support.fake_cloud import FakeCloud

STACK = Stack(
    name="dev",
    hosts={name: Host(name, f"congress-dev-{name}") for name in ("bastion", "database")},
    engines=(),
    node_id="datasource-node",
    endpoint="https://192.0.2.10:1789",
    ca_certificate="",
)


def report(*findings: dict[str, Any]) -> Report:
    answer = json.dumps({**ANSWER, "findings": list(findings)})
    return Report(answers={"drift": {"code": 0, "out": answer, "err": "", "seconds": 0.1}})


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


def test_a_stack_without_drift_is_one_table_and_exit_code_0(monkeypatch: pytest.MonkeyPatch) -> None:
    done = run(monkeypatch)
    assert done.exit_code == 0, done.output
    rows = [line.split("  ")[0] for line in done.output.splitlines()[2:-1]]
    assert rows == ["servers", "ports", "security groups", "floating IPs", "bastion", "database"]
    assert "3 files, 1 service, 2 packages" in done.output
    assert done.output.splitlines()[-1].startswith("All is well (looked for ")


def test_each_difference_is_named_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    edited = report({"what": "/etc/x was edited", "steps": ["database-ready"]})
    done = run(monkeypatch, "--json", cloud=CHANGES["rule removed"][0], database=edited)
    assert done.exit_code == 1
    output = json.loads(done.output)
    assert (output["ok"], output["roles"]["database"]["state"]) == (False, "wrong")
    assert [(one["role"], one["what"], one["way_out"]) for one in output["findings"]] == [
        ("security groups", "rule database-tcp-22 is gone", "make repair: creates it again"),
        ("database", "/etc/x was edited", "make repair: runs database-ready again"),
    ]


def test_an_unreachable_host_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
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


@pytest.mark.parametrize("project", ["project", "another"])
def test_another_project_is_not_compared(monkeypatch: pytest.MonkeyPatch, project: str) -> None:
    """Everything of the stack would look missing there, and `make repair` would create it again."""
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
