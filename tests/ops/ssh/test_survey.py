"""Commands on all hosts, with a stand-in for ssh that runs them on this machine."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from ops.common.limits import Limits
from ops.remote.runner import Command
from ops.ssh import survey
from ops.ssh.survey import Report, run_on_hosts
from tests.ops.support.sample_stack import OUTPUTS, STACK

CAT: Command = {"argv": ["cat"], "stdin": "asked"}
COMMANDS: dict[str, dict[str, Command]] = {
    name: {} if name == survey.BASTION else {"cat": CAT} for name in STACK.hosts
}
QUICK = Limits(0.4)
FAKE_SSH = """#!/usr/bin/env bash
set -eu
stat -c %a id_ed25519 ssh_config >> $RECORD
head -n 3 ssh_config >> $RECORD
case "$*" in
*-M*) eval "$BASTION" ;;
*database*) echo 'ssh: connect to host 10.0.0.2 port 22: No route to host' >&2; exit 255 ;;
*datasource-1*) sleep 60 ;;
*datasource-2*) echo up; sleep 60 ;;
*messaging*) echo 'sudo: a password is required' >&2; exit 1 ;;
*) exec python3 - ;;
esac
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for ssh's files, with the stand-in first on PATH. The bastion accepts connections."""
    ssh = tmp_path / "bin/ssh"
    ssh.parent.mkdir()
    ssh.write_text(FAKE_SSH)
    ssh.chmod(0o755)
    monkeypatch.setenv("PATH", str(ssh.parent), prepend=":")
    monkeypatch.setenv("RECORD", str(tmp_path / "record"))
    monkeypatch.setenv("BASTION", "echo up; exec cat")
    made = tmp_path / "ssh"
    made.mkdir()
    return made


def test_every_host_answers_or_keeps_its_reason_in_time(folder: Path) -> None:
    began = time.monotonic()
    reports = run_on_hosts(COMMANDS, OUTPUTS, folder, QUICK)
    assert time.monotonic() - began < QUICK.host + 3
    assert reports["bastion"] == Report()
    assert reports["load-balancer"].answers["cat"]["out"] == "asked"
    assert reports["load-balancer"].problem is None
    problems = {name: (reports[name].problem, reports[name].connected) for name in STACK.hosts}
    assert problems["database"] == ("ssh: connect to host 10.0.0.2 port 22: No route to host", False)
    assert problems["datasource-1"] == ("no connection within 2 s", False)
    assert problems["datasource-2"] == ("no answers within 2 s", True)
    assert problems["messaging"] == ("sudo: a password is required", False)


def test_ssh_s_files_are_private_and_its_options_stand_first(folder: Path, tmp_path: Path) -> None:
    run_on_hosts(COMMANDS, OUTPUTS, folder, Limits())
    record = (tmp_path / "record").read_text().splitlines()
    assert record[:5] == ["600", "600", "BatchMode yes", "ConnectTimeout 3", "ControlPath control-%C"]


@pytest.mark.parametrize(
    ("bastion", "problem"),
    [("sleep 60", "no answer within 2 s"), ("echo Permission denied >&2; exit 255", "Permission denied")],
)
def test_without_the_bastion_no_host_gets_commands(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bastion: str, problem: str
) -> None:
    monkeypatch.setenv("BASTION", bastion)
    reports = run_on_hosts(COMMANDS, OUTPUTS, folder, QUICK)
    assert reports["bastion"] == Report(problem, connected=False)
    assert reports["database"] == Report("the bastion was not reached", connected=False)
    assert len((tmp_path / "record").read_text().splitlines()) == 5
