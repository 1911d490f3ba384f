"""The command repair: what it repairs by the cloud's API or by an up, in how many rounds."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import nullcontext
from typing import Any

import openstack
import pytest
from openstack.connection import Connection
from openstack.exceptions import SDKException
from typer import Typer
from typer.testing import CliRunner, Result

from ops.drift import repair
from ops.drift.hosts import Drift
from ops.drift.verify import Comparison


class FakeStack:
    """The comparisons that repair gets, one after another, and what it does."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *looks: Iterable[Drift], up: int = 0) -> None:
        self.looks, self.up = [tuple(look) for look in looks], up
        self.ups: list[list[Any]] = []
        monkeypatch.setattr(repair, "compare_stack", lambda _: self.look())
        monkeypatch.setattr(repair, "PAUSE", 0)
        monkeypatch.setattr(openstack, "connect", nullcontext)
        monkeypatch.setattr(repair, "work", self.work)
        monkeypatch.setenv("STACK", "dev")

    def look(self) -> Comparison:
        """The next comparison; the last one is repeated."""
        drifts = self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]
        return Comparison({}, drifts, 0.1, frozenset(d.role for d in drifts if d.remedy == "make status"))

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
    stage = FakeStack(monkeypatch, [EDITED, STOPPED, GONE], [])
    done = stage.result()
    assert done.exit_code == 0, done.output
    assert stage.ups == [[*UP, "--replace", "urn:a", "--replace", "urn:b"]]
    assert "wrong database: x was edited -> make repair: runs a, b again" in done.output
    assert done.output.splitlines()[-1].startswith("All is well")


def test_nothing_is_done_when_nothing_differs(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = FakeStack(monkeypatch, [])
    assert (stage.result().exit_code, stage.ups) == (0, [])


def test_repairs_by_the_cloud_s_api_need_no_up(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Connection] = []
    foreign = Drift("security groups", "a foreign rule", "removes it", call=asked.append)
    stage = FakeStack(monkeypatch, [foreign], [])
    done = stage.result()
    assert (done.exit_code, stage.ups, len(asked)) == (0, [], 1)
    assert "repair: removes it: a foreign rule\n" in done.output


def test_a_repair_that_the_cloud_refuses_is_reported_and_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Connection) -> None:
        raise SDKException("not allowed")

    foreign = Drift("security groups", "a foreign rule", "removes it", call=refuse)
    done = FakeStack(monkeypatch, [foreign]).result()
    assert done.exit_code == 1
    assert "repair: the cloud refuses it: not allowed" in done.output


def test_a_starting_host_is_waited_for_and_its_drifts_are_repaired(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    off = Drift("servers", "messaging is SHUTOFF", "starts it", call=lambda _: None)
    stage = FakeStack(monkeypatch, [off], [SILENT], [STOPPED], [STOPPED], [])
    done = stage.result()
    assert done.exit_code == 0, done.output
    assert stage.ups == [[*UP, "--replace", "urn:a"]]


def test_what_does_not_help_is_not_done_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = FakeStack(monkeypatch, [EDITED], [EDITED], up=255)
    done = stage.result()
    assert (done.exit_code, len(stage.ups)) == (1, 1)
    assert "repair: pulumi up ended with 255" in done.output


def test_manual_repairs_are_not_attempted(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = FakeStack(monkeypatch, [SILENT])
    assert (stage.result().exit_code, stage.ups) == (1, [])
