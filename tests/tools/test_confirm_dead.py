"""When a host of the pair may be called dead, and that nothing is confirmed before bus and database refuse it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from typer import Typer
from typer.testing import CliRunner, Result

from tests.tools import changes
from tests.tools.changes import ONE, OTHER
from tests.tools.healthy import STACK
from tests.tools.test_refusal import lost
from tools import admission, cloud, confirm_dead, leaving
from tools.facts import Facts
from tools.hosts import HostError
from tools.state import State

ADDRESS = "10.20.0.12"
app = Typer()
app.command()(confirm_dead.main)


def dead() -> Facts:
    return lost(changes.node(changes.healthy(), online=False, unclean=True), "datasource-2")


class Stand:
    """Stands in for cloud and hosts; `connected`: the host that still hears of the dead one."""

    def __init__(self) -> None:
        self.seen, self.connected, self.done = dead(), "", list[str]()
        self.elsewhere = ""

    def refuse_another(self, _: Any) -> None:
        if self.elsewhere:
            raise cloud.CloudError(self.elsewhere)

    def run(self, host: str, command: str, *, timeout: float = 60) -> str:
        assert timeout > 0
        told = "refuses" if f"dst {ADDRESS}" in command else command
        self.done.append(f"{host}: {told}")
        if host == self.connected:
            raise HostError(f"{host}: {ADDRESS} is still connected")
        return ""


@pytest.fixture
def stand(monkeypatch: pytest.MonkeyPatch) -> Stand:
    stand = Stand()

    @contextmanager
    def connected(*_: Any) -> Iterator[Stand]:
        yield stand

    after = changes.one_view(changes.ds_node(changes.healthy(), nodes=(ONE,)))
    replaced: dict[str, Callable[..., Any]] = {
        "read_outputs": lambda: {"hosts": {"datasource-2": {"address": ADDRESS}}},
        "parse": lambda *_: STACK,
        "look_at": lambda *_: stand.seen,
        "connected": connected,
        "view_of": lambda *_: after,
    }
    for name, stands_in in replaced.items():
        monkeypatch.setattr(confirm_dead, name, stands_in)
    monkeypatch.setattr(confirm_dead, "read_state", lambda: State(()))
    monkeypatch.setattr(cloud, "refuse_another", stand.refuse_another)
    monkeypatch.setattr(admission, "refuse", lambda host: stand.done.append(f"cut off {host}"))
    monkeypatch.setattr(leaving, "PAUSE", 0)
    return stand


def confirm(host: str = "datasource-2") -> Result:
    return CliRunner().invoke(app, [host])


def test_it_is_cut_off_then_confirmed(stand: Stand) -> None:
    done = confirm()
    assert done.exit_code == 0, done.output
    assert stand.done == [
        "cut off datasource-2",
        "database: refuses",
        "messaging: refuses",
        f"datasource-1: stonith_admin --confirm {OTHER}",
    ]
    assert "make repair" in done.output


@pytest.mark.parametrize("guard", ["database", "messaging"])
def test_one_that_is_heard_of_is_not_confirmed(stand: Stand, guard: str) -> None:
    stand.connected = guard
    done = confirm()
    assert done.exit_code == 1
    assert f"{ADDRESS} is still connected; make confirm-dead HOST=datasource-2 goes on" in done.output
    assert not [line for line in stand.done if "stonith_admin" in line]


@pytest.mark.parametrize(
    ("host", "seen", "why"),
    [
        ("", dead(), "with one of datasource-1, datasource-2"),
        ("database", dead(), "with one of datasource-1, datasource-2"),
        ("datasource-2", changes.healthy(), "datasource-2 answers SSH, so it is not dead"),
        ("datasource-2", lost(changes.healthy(), "datasource-2"), "datasource-1 does not wait for the end"),
        ("datasource-2", lost(dead(), "datasource-1"), "datasource-1 does not answer"),
    ],
)
def test_it_is_refused_and_nothing_is_done(stand: Stand, host: str, seen: Facts, why: str) -> None:
    stand.seen = seen
    done = confirm(host)
    assert done.exit_code == 2
    assert why in done.output
    assert "nothing was changed" in done.output
    assert stand.done == []


def test_another_project_s_login_changes_nothing(stand: Stand) -> None:
    stand.elsewhere = "this login is of another project"
    done = confirm()
    assert (done.exit_code, stand.done) == (1, [])
    assert stand.elsewhere in done.output


@pytest.mark.parametrize(("connections", "code"), [("none", 0), ("ends", 0), ("stays", 1)])
def test_a_guard_looks_until_nothing_connects_any_more(tmp_path: Path, connections: str, code: int) -> None:
    """The script itself, with a stand-in for ss: -K ends a connection unless its host lives and comes again."""
    link = tmp_path / "link"
    if connections != "none":
        link.touch()
    ends = "rm -f" if connections == "ends" else "true"
    (tmp_path / "ss").write_text(
        f'#!/bin/sh\ncase "$*" in "-K -Htn dst {ADDRESS}") {ends} {link};;\n'
        f'"-Htn state established dst {ADDRESS}") [ ! -e {link} ] || echo ESTAB;; *) exit 9;; esac\n'
    )
    (tmp_path / "ss").chmod(0o755)
    script = "set -euo pipefail\n" + confirm_dead.REFUSES.format(address=ADDRESS, quiet=1, limit=2)
    path = f"{tmp_path}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", script], env={"PATH": path}, capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stderr) == (code, f"{ADDRESS} is still connected\n" if code else "")
