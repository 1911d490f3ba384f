"""A host's server in the state, and runs of the CLI."""

from __future__ import annotations

import json
import os
import re
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.preflight.state import POLICIES, SERVER, STEP, parse_state
from ops.drift import repair
from ops.replacement import procedure
from ops.stack import pulumi as cli
from ops.stack import recovery
from ops.stack.host_server import Server, find
from ops.stack.outputs import ROOT, StackError
from tests.ops.support.fake_replacement import HOST, URN


def test_a_server_is_found_by_its_name_in_the_state() -> None:
    def resource(name: str, type_: str = SERVER, **more: Any) -> dict[str, Any]:
        return {"urn": URN.replace(HOST, name), "type": type_, "id": f"id-{name}", **more}

    state = parse_state(
        {
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
    )
    assert find("a-host", state).gone is False
    steps = (URN.replace(HOST, "a-step"), URN.replace(HOST, "host-reachable"))
    assert find("host", state) == Server(URN.replace(HOST, "host"), "id-host", gone=True, steps=steps)
    with pytest.raises(StackError, match="no server of database"):
        find("database", state)


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stands in for the CLI, with and without the stack's environment."""
    file = tmp_path / "pulumi"
    monkeypatch.setattr(cli, "PULUMI", file)
    monkeypatch.setenv("STACK", "mine")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    return file


def write(program: Path, script: str) -> None:
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


def test_a_setting_is_read_with_its_secrets(program: Path) -> None:
    """As the CLI prints it, version 3."""
    printed = r"""{
      "congress-ha:auth": {"value": "noauth", "secret": false},
      "congress-ha:policySecrets": {
        "value": "{\"a\":\"CANARY\"}", "objectValue": {"a": "CANARY"}, "secret": true
      }
    }"""
    write(program, f"[ \"$*\" = 'config --json --show-secrets' ] && cat <<'END'\n{printed}\nEND")
    assert cli.read_setting("policySecrets") == {"a": "CANARY"}
    assert cli.read_setting("network") is None


RUNS: dict[str, Callable[[], object]] = {
    "replace": lambda: procedure._pulumi("up"),  # noqa: SLF001
    "repair": lambda: repair.up([]),
    "what an interrupted run left": lambda: recovery.Pulumi().refresh(),
}


@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)
def test_ctrl_c_waits_until_pulumi_has_ended(
    tmp_path: Path, program: Path, run: Callable[[], object]
) -> None:
    begun, ended = tmp_path / "begun", tmp_path / "ended"
    write(program, f"touch {begun}; sleep 1; touch {ended}")

    def interrupt() -> None:
        while not begun.exists():
            pass
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        run()
    assert ended.exists()


@pytest.mark.parametrize(("code", "well"), [(0, True), (1, False)])
def test_pulumi_s_exit_code_is_its_verdict(program: Path, code: int, well: bool) -> None:  # noqa: FBT001
    write(program, f'[ "$*" = "up --yes --non-interactive --suppress-outputs" ] || exit 9\nexit {code}')
    assert procedure._pulumi("up", "--yes") is well  # noqa: SLF001


def test_what_pulumi_says_and_its_silence_become_one_line(
    program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(program, "echo 'error: no stack named x' >&2; exit 255")
    with pytest.raises(StackError, match=r"^error: no stack named x$"):
        cli.read_outputs()
    write(program, "exec sleep 30")
    monkeypatch.setattr(cli, "ANSWERS", 0.2)
    with pytest.raises(StackError, match=r"^pulumi stack export: no answer within 0.2 s$"):
        cli.read_state()


def test_what_a_stack_declares_is_read_from_its_state(program: Path) -> None:
    declared: dict[str, Any] = {"datasources": {}, "policies": {"P": {}}}
    component = {"urn": "v", "type": POLICIES, "outputs": {"applied": declared}}
    state = {"deployment": {"resources": [component]}}
    write(program, f"[ \"$*\" = 'stack export' ] || exit 9; echo '{json.dumps(state)}'")
    assert cli.read_declared({"policies": {"policies": 1}}) == declared
    write(program, "exit 9")
    assert cli.read_declared({}) is None


def test_nothing_else_of_the_commands_runs_it() -> None:
    others = {
        str(file.relative_to(ROOT)): line
        for file in (ROOT / "ops").rglob("*.py")
        for line in file.read_text().splitlines()
        if re.search(r'scripts/pulumi"|\["pulumi"|import pulumi', line)
    }
    assert others.keys() == {"ops/stack/pulumi.py"}
