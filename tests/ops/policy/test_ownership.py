"""`congress-ha policy drift`, `adopt` and `overwrite`: what they run on which host, and how they fail."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from typer.testing import CliRunner

from ops.policy import cli, ownership
from ops.ssh.commands import HostError
from ops.stack.outputs import StackError
from policy_code.on_host import COMMAND, LIBRARY, RECORD

OUTPUTS = {"policy_engines": [{"host": "policy-engine-host-1"}, {"host": "policy-engine-host-2"}]}


class Hosts:
    """`answer` of a command, or the reason why it failed."""

    def __init__(self) -> None:
        self.runs: list[tuple[str, str, Any]] = []
        self.answer, self.failure = "", ""

    def run(self, host: str, command: str, *, stdin: bytes, timeout: float) -> str:  # noqa: ARG002
        self.runs.append((host, command, json.loads(stdin)))
        if self.failure:
            raise HostError(f"{host}: {self.failure}")
        return self.answer


@pytest.fixture
def hosts(monkeypatch: pytest.MonkeyPatch) -> Hosts:
    hosts = Hosts()

    @contextmanager
    def connected(*_: Any) -> Iterator[Hosts]:
        yield hosts

    monkeypatch.setenv("STACK", "prod")
    monkeypatch.setattr(ownership, "connected", connected)
    monkeypatch.setattr(ownership, "read_outputs", lambda: OUTPUTS)
    monkeypatch.setattr(ownership, "parse", lambda *_: None)
    return hosts


def test_adopt_asks_the_first_engine_s_host(hosts: Hosts) -> None:
    hosts.answer = "policy Taken belongs to congress-prod now"
    done = CliRunner().invoke(cli.app, ["adopt", "Taken"])
    assert (done.exit_code, done.stdout) == (0, f"{hosts.answer}\n")
    [(host, command, request)] = hosts.runs
    assert (host, request) == (
        "policy-engine-host-1",
        {"do": "adopt", "name": "Taken", "stack": "congress-prod"},
    )
    assert command.endswith(COMMAND)
    assert "Taken" not in command  # any text may be a name


def test_adopt_fails_with_the_host_s_reason(hosts: Hosts) -> None:
    hosts.failure = "there is no policy or datasource Taken"
    done = CliRunner().invoke(cli.app, ["adopt", "Taken"])
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == f"policy adopt: policy-engine-host-1: {hosts.failure}\n"


@pytest.mark.parametrize(("answer", "code"), [("", 0), ("- rule by hand of P: p(7)", 1)])
def test_drift_is_shown_and_is_the_exit_code(hosts: Hosts, answer: str, code: int) -> None:
    hosts.answer = answer
    done = CliRunner().invoke(cli.app, ["drift"])
    assert done.exit_code == code
    assert answer in done.stdout
    assert hosts.runs[0][2] == {"do": "drift", "stack": "congress-prod"}


def test_overwrite_replaces_the_record(hosts: Hosts) -> None:
    done = CliRunner().invoke(cli.app, ["overwrite"])
    assert done.exit_code == 0
    [(_, command, record)] = hosts.runs
    assert record == "overwrite"
    assert command.endswith(f"cat > {RECORD}")
    assert f"[ -d {LIBRARY}/policy_code ]" in command


def test_without_a_stack_the_exit_code_is_2(hosts: Hosts, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> Any:
        raise StackError("nothing is deployed")

    monkeypatch.setattr(ownership, "read_outputs", missing)
    done = CliRunner().invoke(cli.app, ["overwrite"])
    assert (done.exit_code, done.stderr) == (2, "policy overwrite: nothing is deployed\n")
    assert hosts.runs == []
