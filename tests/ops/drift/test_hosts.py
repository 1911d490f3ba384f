"""Drifts that hosts report about themselves, and their repair."""

from __future__ import annotations

import json

from ops.drift.hosts import Drift, HostView, comparison_command, host_drifts, read_host
from ops.ssh.survey import Report
from tests.ops.support.cloud_changes import ANSWER, state
from tests.ops.support.sample_stack import STACK


def host(*findings: tuple[str, list[str]]) -> HostView:
    return HostView({**ANSWER, "findings": [{"what": what, "steps": steps} for what, steps in findings]})


def test_a_host_s_drift_is_repaired_by_its_steps() -> None:
    views = {"bastion": host(), "database": host(("x was edited", ["database-ready"]))}
    (drift,) = host_drifts(views, state(), ())
    urn = "urn:pulumi:dev::congress-ha::Host$command:remote:Command::database-ready"
    assert drift == Drift("database", "x was edited", "runs database-ready again", steps=(urn,))
    assert drift.finding.way_out == "make repair: runs database-ready again"
    assert views["bastion"].summary == "3 files, 1 service, 2 packages"


def test_a_silent_host_is_reported_once() -> None:
    silent = {name: HostView(None, "no answer") for name in ("bastion", "database")}
    assert [drift.role for drift in host_drifts(silent, state(), ())] == ["bastion"]
    assert list(host_drifts(silent, state(), ("bastion",))) == []
    (drift,) = host_drifts({**silent, "bastion": host()}, state(), ())
    assert (drift.role, drift.what, drift.by_hand) == ("database", "could not be checked: no answer", True)


def answered(code: int | None, out: str = "", err: str = "") -> HostView:
    return read_host(Report(answers={"drift": {"code": code, "out": out, "err": err, "seconds": 0.1}}))


def test_every_host_compares_its_own_steps() -> None:
    assert comparison_command("database", state())["drift"]["argv"][3:] == ["database-ready"]
    assert all("drift" in comparison_command(name, state()) for name in STACK.hosts)
    assert answered(0, json.dumps(ANSWER)).answer == ANSWER
    problem = answered(1, err="Traceback\nPermissionError: x\n").problem
    assert problem == "it could not compare itself: PermissionError: x"
    assert answered(None).problem == "it could not compare itself: no answer in time"
    assert read_host(Report("no connection")) == HostView(None, "no connection")
