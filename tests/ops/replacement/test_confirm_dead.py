"""When a host may be confirmed dead: only after bus and database refuse its connections."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer import Typer
from typer.testing import CliRunner, Result

from components.preflight.state import State
from ops.cloud import isolation
from ops.cloud import servers as cloud
from ops.common.progress import StoppedError
from ops.health.facts import Facts
from ops.replacement import confirm_dead, departure
from ops.ssh.commands import HostError
from tests.ops.support import fact_changes as changes
from tests.ops.support.fact_changes import ONE, OTHER
from tests.ops.support.lost_hosts import dead, unreachable
from tests.ops.support.sample_stack import STACK

ADDRESS = "10.20.0.12"
app = Typer()
app.command()(confirm_dead.main)


class Simulation:
    """Stands in for cloud and hosts; `connected`: the host to which the dead one is still connected."""

    def __init__(self) -> None:
        self.facts, self.connected, self.done = dead(), "", list[str]()
        self.elsewhere, self.refused, self.stack = "", False, STACK
        self.after = changes.one_view(changes.ds_node(changes.healthy(), nodes=(ONE,)))

    def require_same_scope(self, _: Any) -> None:
        if self.elsewhere:
            raise cloud.CloudError(self.elsewhere)

    def run(self, host: str, command: str, *, timeout: float = 60) -> str:
        assert timeout > 0
        shown = "refuses" if f"dst {ADDRESS}" in command else command
        shown = "silent?" if "/dev/tcp/" in command else shown
        self.done.append(f"{host}: {shown}")
        if host == self.connected:
            raise HostError(f"{host}: {ADDRESS} is still connected")
        return ""


@pytest.fixture
def simulation(monkeypatch: pytest.MonkeyPatch) -> Simulation:
    simulation = Simulation()

    @contextmanager
    def connected(*_: Any) -> Iterator[Simulation]:
        yield simulation

    replaced: dict[str, Callable[..., Any]] = {
        "read_outputs": lambda: {"hosts": {name: {"address": ADDRESS} for name in simulation.stack.hosts}},
        "parse": lambda *_: simulation.stack,
        "collect_facts": lambda *_: simulation.facts,
        "connected": connected,
        "view_of": lambda *_: simulation.after,
    }
    for name, replacement in replaced.items():
        monkeypatch.setattr(confirm_dead, name, replacement)
    monkeypatch.setattr(confirm_dead, "read_state", lambda: State(()))
    monkeypatch.setattr(cloud, "require_same_scope", simulation.require_same_scope)
    monkeypatch.setattr(isolation, "isolate", lambda host: simulation.done.append(f"cut off {host}"))
    monkeypatch.setattr(isolation, "is_isolated", lambda _: simulation.refused)
    monkeypatch.setattr(departure, "POLL_INTERVAL", 0)
    return simulation


def confirm(host: str = "datasource-2") -> Result:
    return CliRunner().invoke(app, [host])


def test_a_host_is_cut_off_then_confirmed(simulation: Simulation) -> None:
    done = confirm()
    assert done.exit_code == 0, done.output
    assert simulation.done == [
        "cut off datasource-2",
        "database: refuses",
        "messaging: refuses",
        f"datasource-1: stonith_admin --confirm {OTHER}",
    ]
    assert "make repair" in done.output


def with_three_databases(simulation: Simulation, *gone: str) -> None:
    """`gone`: hosts of theirs that cannot be reached."""
    more = {f"database-{number}": replace(STACK.hosts["database"]) for number in (2, 3)}
    simulation.stack = replace(STACK, hosts={**STACK.hosts, **more})
    seen = {**simulation.facts.hosts, **dict.fromkeys(more, simulation.facts.hosts["database"])}
    seen |= {name: replace(seen[name], ssh="timed out") for name in gone}
    simulation.facts = replace(simulation.facts, hosts=seen)


def test_the_dead_compute_host_may_have_a_minority_of_a_cluster(simulation: Simulation) -> None:
    with_three_databases(simulation, "database")
    assert confirm().exit_code == 0
    assert simulation.done == [
        "datasource-1: silent?",
        "cut off datasource-2",
        "database-2: refuses",
        "database-3: refuses",
        "messaging: refuses",
        f"datasource-1: stonith_admin --confirm {OTHER}",
    ]


@pytest.mark.parametrize("serves", [True, False])
def test_a_host_whose_ssh_alone_fails_is_seen(*, serves: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        if not serves:
            listener.close()
        script = confirm_dead.SILENT.format(where=f"127.0.0.1/{port}", host="messaging-2")
        done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == int(serves)
    assert ("messaging-2 serves" in done.stderr) == serves


@pytest.mark.parametrize("gone", [("database", "database-3"), ("messaging",)])
def test_without_most_hosts_of_a_service_nothing_is_begun(
    simulation: Simulation, gone: tuple[str, ...]
) -> None:
    with_three_databases(simulation, *gone)
    done = confirm()
    assert (done.exit_code, simulation.done) == (2, [])
    assert f"{', '.join(gone)} cannot be reached, and most hosts of the role" in done.output


@pytest.mark.parametrize("guard", ["database", "messaging"])
def test_a_host_that_is_still_connected_is_not_confirmed(simulation: Simulation, guard: str) -> None:
    simulation.connected = guard
    done = confirm()
    assert done.exit_code == 1
    assert f"{ADDRESS} is still connected; make confirm-dead HOST=datasource-2 continues" in done.output
    assert not [line for line in simulation.done if "stonith_admin" in line]


@pytest.mark.parametrize(
    ("host", "seen", "why"),
    [
        ("", dead(), "with one of datasource-1, datasource-2"),
        ("database", dead(), "with one of datasource-1, datasource-2"),
        ("datasource-2", changes.healthy(), "datasource-2 answers SSH, so it is not dead"),
        (
            "datasource-2",
            unreachable(changes.healthy(), "datasource-2"),
            "datasource-1 does not wait for the fencing",
        ),
        ("datasource-2", unreachable(dead(), "datasource-1"), "datasource-1 does not answer"),
        ("datasource-2", changes.clusters(dead(), quorum=False), "datasource-1 waits for datasource-2"),
    ],
)
def test_a_refusal_changes_nothing(simulation: Simulation, host: str, seen: Facts, why: str) -> None:
    simulation.facts = seen
    done = confirm(host)
    assert done.exit_code == 2
    assert why in done.output
    assert "nothing was changed" in done.output
    assert simulation.done == []


def confirmed() -> Facts:
    return unreachable(changes.node(changes.healthy(), online=False, unclean=False), "datasource-2")


def test_after_the_confirmation_it_continues_to_wait(
    simulation: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    works = simulation.after
    simulation.after = changes.one_view(changes.ds_node(changes.healthy(), nodes=(), role="Stopped"))
    monkeypatch.setattr(confirm_dead, "MOVE_TIMEOUT", 0)
    done = confirm()
    assert done.exit_code == 1
    assert "not within 0 s: the datasource node runs on datasource-1; make confirm-dead" in done.output
    assert "when datasource-2 is back: make repair" in done.output

    simulation.after, simulation.facts, simulation.refused, simulation.done = works, confirmed(), True, []
    done = confirm()
    assert (done.exit_code, simulation.done) == (0, [])
    assert "was confirmed dead by an earlier run" in done.output


def test_a_host_stopped_in_good_order_is_not_confirmed(simulation: Simulation) -> None:
    simulation.facts = confirmed()
    done = confirm()
    assert (done.exit_code, simulation.done) == (2, [])
    assert "does not wait for the fencing of datasource-2" in done.output


def test_after_a_signal_it_names_the_command_that_continues(
    simulation: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ended(*_: Any, **__: Any) -> None:
        raise StoppedError("ended by SIGTERM")

    monkeypatch.setattr(simulation, "run", ended)
    done = confirm()
    assert done.exit_code == 1
    assert "confirm-dead: ended by SIGTERM; make confirm-dead HOST=datasource-2 continues" in done.output


def test_another_project_s_login_changes_nothing(simulation: Simulation) -> None:
    simulation.elsewhere = "this login is of another project"
    done = confirm()
    assert (done.exit_code, simulation.done) == (1, [])
    assert simulation.elsewhere in done.output


def look(folder: Path, ss: str) -> tuple[int, str]:
    """Run the script with a stand-in for ss: its exit code and output."""
    (folder / "ss").write_text(f"#!/bin/sh\n{ss}\n")
    (folder / "ss").chmod(0o755)
    script = "set -euo pipefail\n" + confirm_dead.WAIT_UNTIL_DISCONNECTED.format(
        address=ADDRESS, quiet=2, limit=4
    )
    path = f"{folder}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", script], env={"PATH": path}, capture_output=True, text=True, timeout=30, check=False
    )
    return done.returncode, done.stderr


# What `ss -K` does to a connection, and whether there is one when somebody looks. `killed` is as old as the last -K.
CONNECTIONS = {
    "none": ("true", "true", 0),
    "ends": ("touch killed", "[ -e killed ] || echo ESTAB", 0),
    "stays": ("true", "echo ESTAB", 1),
    "comes again": (
        "touch killed",
        "[ -n \"$(find killed -newermt '-0.4 seconds' 2> /dev/null)\" ] || echo ESTAB",
        1,
    ),
}


@pytest.mark.parametrize("name", CONNECTIONS)
def test_a_server_host_waits_until_nothing_connects_any_more(tmp_path: Path, name: str) -> None:
    """A host that reconnects 0.4 s after its connections were ended is not dead."""
    kill, seen, code = CONNECTIONS[name]
    ss = (
        f'cd {tmp_path}; case "$*" in "-K -Htn dst {ADDRESS}") {kill};;\n'
        f'"-Htn state established state syn-recv dst {ADDRESS}") {seen};; *) exit 9;; esac'
    )
    assert look(tmp_path, ss) == (code, f"{ADDRESS} is still connected\n" if code else "")


def test_a_server_host_that_cannot_list_connections_proves_nothing(tmp_path: Path) -> None:
    assert look(tmp_path, "echo 'no netlink' >&2; exit 1") == (1, "no netlink\n")
