"""A host's server in the state, and runs of the CLI."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from typing import Any

import pytest

from components.preflight.state import SERVER, STEP, parse_state
from ops.stack import pulumi as cli
from ops.stack.outputs import StackError
from ops.stack.pulumi import Server
from tests.ops.replacing import HOST, URN


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
    assert cli.find("a-host", state).gone is False
    steps = (URN.replace(HOST, "a-step"), URN.replace(HOST, "host-reachable"))
    assert cli.find("host", state) == Server(URN.replace(HOST, "host"), "id-host", gone=True, steps=steps)
    with pytest.raises(StackError, match="no server of database"):
        cli.find("database", state)


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
