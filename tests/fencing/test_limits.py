"""The longest run of the agent, on a simulated clock, is shorter than Pacemaker's timeout."""

from __future__ import annotations

import importlib
import io
import json
import platform
import re
import subprocess
from argparse import Namespace
from email.message import Message
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from components.foundation.template import ROOT
from tests.fencing.conftest import AGENT, write
from tests.fencing.support.fake_cloud import ONE, TWO

CRM = (ROOT / "templates/fencing/openstack.crm.j2").read_text()
OWN = {"server": {"status": "ACTIVE", "OS-EXT-STS:task_state": None, "OS-EXT-STS:power_state": 1}}


class Reply(io.BytesIO):
    status = 200

    def __init__(self, body: Any) -> None:
        super().__init__(json.dumps(body).encode())
        self.headers = Message()
        self.headers["X-Subject-Token"] = "the-token"


class Clock:
    """Only waiting advances the clock. The cloud first refuses connections, then answers, then does not answer."""

    def __init__(self, login: float, answer: float) -> None:
        self.now, self.login, self.answer = 0.0, login, answer
        self.actions = 0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def urlopen(self, request: Any, timeout: float, **_: Any) -> Reply:
        if request.full_url.endswith("/auth/tokens") and self.now >= self.login:
            endpoints = [{"interface": "public", "region": None, "url": "http://nova"}]
            return Reply({"token": {"catalog": [{"type": "compute", "endpoints": endpoints}]}})
        if request.full_url.endswith(f"/servers/{ONE}") and timeout >= self.answer:
            self.now += self.answer
            return Reply(OWN)
        self.actions += request.full_url.endswith("/action")
        self.now += timeout
        raise TimeoutError

    def ask(self, _: Any) -> subprocess.CompletedProcess[str]:
        """The node runs on the other host, and answers at the last moment."""
        self.now += self.probe_time
        return subprocess.CompletedProcess([], 0, "two\n", "")

    probe_time = 0.0


def seconds(name: str) -> float:
    """The timeout of Pacemaker."""
    (value,) = re.findall(rf"{name}(\d+)s", CRM)
    return float(value)


@pytest.fixture
def agent(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(AGENT.parent))
    return importlib.import_module("fence_congress_openstack")


@pytest.mark.parametrize("login", [0, 50, 100])
@pytest.mark.parametrize("answer", [1, 8, 12])
def test_the_longest_fencing_ends_before_pacemaker_gives_up(
    monkeypatch: pytest.MonkeyPatch, agent: Any, tmp_path: Path, login: float, answer: float
) -> None:
    cloud, split, power, fabric = (
        importlib.import_module(f"fence_congress_{name}") for name in ("cloud", "split", "power", "fabric")
    )
    clock = Clock(login, answer)
    clock.probe_time = split.COMMAND_LIMIT
    own_time = SimpleNamespace(monotonic=clock.monotonic, sleep=clock.sleep)
    for module in (agent, cloud, split, power, fabric):
        monkeypatch.setattr(module, "time", own_time)
    monkeypatch.setattr(cloud.urllib.request, "urlopen", clock.urlopen)
    monkeypatch.setattr(split, "run", clock.ask)
    file = tmp_path / "fencing.json"
    credential = {"application_credential_id": "x", "application_credential_secret": "x"}
    write(file, auth_url="http://keystone", servers={platform.node(): ONE, "two": TWO}, **credential)
    asked = Namespace(
        action="reboot",
        plug=TWO,
        credentials=file,
        resource="ds-node",
        witness="true",
        delay=10.0,
        isolated="",
        harmless="",
    )
    with pytest.raises(agent.FenceError, match="in time"):
        agent.run(asked)
    # The agent got as far as the request for the pause.
    assert clock.actions
    assert clock.now < seconds("pcmk_reboot_timeout=")


def test_all_that_the_agent_may_take_is_below_pacemaker_s_limits(agent: Any) -> None:
    split = importlib.import_module("fence_congress_split")
    # The two checks of the delayed host: where the node runs, and whether it works, before and after the delay.
    checks = 3 * split.COMMAND_LIMIT + split.PAUSE
    assert agent.LIMITS["reboot"] + split.HOLD_LIMIT + checks < seconds("pcmk_reboot_timeout=")
    assert agent.LIMITS["monitor"] < seconds(r"op monitor interval=60s timeout=")
    assert agent.LIMITS["monitor"] < seconds(r"op start interval=0 timeout=")


def test_a_deadline_within_a_request_hides_no_reason(agent: Any) -> None:
    cloud = importlib.import_module("fence_congress_cloud")

    class Late:
        """A cloud that refuses the pause, says how the server is, and does not answer any more."""

        refusal, actions = "; nova: HTTP 409 it is locked", 0

        def in_time(self) -> bool:
            return True

        def act(self, *_: Any) -> None:
            self.actions += 1
            if self.actions > 1:
                raise cloud.OutOfTimeError("no success with POST")

        def server(self, _: str) -> Any:
            return cloud.Server("ACTIVE", None, 1)

    with pytest.raises(agent.FenceError, match="it is ACTIVE, task None; nova: HTTP 409 it is locked"):
        agent.end_guest(Late(), ONE)
