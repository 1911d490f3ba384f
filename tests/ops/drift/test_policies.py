"""What verify makes of a host's comparison of policies and datasources."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from components.preflight.state import SERVER, STEP, State, parse_state
from ops.common.limits import Limits
from ops.drift import policies
from ops.drift.hosts import HostView
from ops.ssh.commands import HostError
from policy_code.begun import Begun
from policy_code.on_host import COMMAND
from tests.ops.support.cloud_changes import ANSWER, exported

HOST = "policy-engine-host-1"
DECLARED: dict[str, dict[str, Any]] = {
    "datasources": {"nova": {}},
    "policies": {"P": {"rules": {"p(1)": {}, "p(2)": {}}}},
}
OUTPUTS: dict[str, Any] = {"policy_engines": [{"host": HOST}], "policies": {"policies": 1}}
VIEWS = {HOST: HostView(ANSWER)}
GONE = {"what": "policy P is gone", "remedy": "creates it again", "by_hand": False}
EXTRA = {"what": "policy X is extra", "remedy": "declare it", "by_hand": True}


@pytest.fixture
def state() -> State:
    server = exported(SERVER, HOST, "s", inputs={"name": f"congress-dev-{HOST}"})
    step = exported(STEP, "policies", "policies1", deletedWith=server["urn"])
    return parse_state({"deployment": {"resources": [server, step]}})


class Hosts:
    def __init__(self, answer: str | HostError) -> None:
        self.answer, self.runs = answer, list[Any]()

    def run(self, *words: str, stdin: bytes) -> str:
        self.runs.append((*words, json.loads(stdin)))
        if isinstance(self.answer, HostError):
            raise self.answer
        return self.answer


def answering(monkeypatch: pytest.MonkeyPatch, answer: str | HostError) -> Hosts:
    hosts = Hosts(answer)

    @contextmanager
    def connected(*_: object) -> Iterator[Hosts]:
        yield hosts

    monkeypatch.setattr(policies, "connected", connected)
    return hosts


def test_the_host_compares_with_what_the_stack_applied(monkeypatch: pytest.MonkeyPatch, state: State) -> None:
    hosts = answering(monkeypatch, json.dumps([GONE, EXTRA]))
    found = policies.look("dev", DECLARED, OUTPUTS, VIEWS, Limits())
    [(host, command, request)] = hosts.runs
    assert (host, command.endswith(COMMAND)) == (HOST, True)
    assert request == {"do": "verify", "stack": "congress-dev", "declaration": DECLARED}
    gone, extra = policies.drifts(found, OUTPUTS, state)
    assert gone.finding.way_out == "make repair: creates it again"
    assert [urn.rsplit("::", 1)[1] for urn in gone.steps] == ["policies"]
    assert (extra.by_hand, extra.steps, extra.finding.way_out) == (True, (), "declare it")
    assert policies.summaries(found, DECLARED) == {"policies": "1 policies, 2 rules, 1 datasources"}


def test_an_up_that_did_not_finish_is_named(state: State) -> None:
    unfinished = replace(state, begun=Begun(2, ["d"], finished=False))
    [drift] = policies.drifts(None, OUTPUTS, unfinished)
    assert "the last `up` did not finish the policies" in drift.finding.what
    assert (drift.by_hand, drift.finding.way_out) == (True, "make up")


def test_congress_that_is_away_is_one_finding(monkeypatch: pytest.MonkeyPatch, state: State) -> None:
    answering(monkeypatch, HostError(f"{HOST}: Congress's database does not answer as it should: refused"))
    found = policies.look("dev", DECLARED, OUTPUTS, VIEWS, Limits())
    [drift] = policies.drifts(found, OUTPUTS, state)
    assert drift.finding.what == (
        f"could not be compared: {HOST}: Congress's database does not answer as it should: refused"
    )
    assert policies.summaries(found, DECLARED) == {"policies": ""}


def test_a_host_that_is_away_is_its_own_finding_only(monkeypatch: pytest.MonkeyPatch, state: State) -> None:
    hosts = answering(monkeypatch, "[]")
    found = policies.look("dev", DECLARED, OUTPUTS, {HOST: HostView(None, "no connection")}, Limits())
    assert ([*policies.drifts(found, OUTPUTS, state)], hosts.runs) == ([], [])
    assert policies.summaries(found, DECLARED) == {"policies": ""}


def test_a_stack_that_declares_nothing_has_no_row(monkeypatch: pytest.MonkeyPatch, state: State) -> None:
    outputs = {"policy_engines": [{"host": HOST}]}
    hosts = answering(monkeypatch, "[]")
    found = policies.look("dev", None, outputs, VIEWS, Limits())
    assert ([*policies.drifts(found, outputs, state)], policies.summaries(found, None)) == ([], {})
    assert hosts.runs == []
