"""The command: table, JSON, exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from threading import Event

import openstack
import pytest
from openstack.exceptions import SDKException
from typer import Typer
from typer.testing import CliRunner, Result

from components.preflight.scope import Scope
from ops.cloud import servers as cloud
from ops.common.limits import Limits
from ops.health import status
from ops.health.facts import Unseen
from ops.health.finding import note, wrong
from ops.health.probes import health_commands
from ops.health.roles.messaging import MessagingHealth
from ops.health.table import rows
from ops.ssh import survey
from ops.ssh.survey import Report
from ops.stack.outputs import StackError, UnreadableError
from tests.ops.support.fact_changes import changed
from tests.ops.support.sample_stack import SERVERS, STACK, facts, reports

HERE = Scope("project", "RegionOne")
app = Typer()
app.command()(status.main)


def run(
    monkeypatch: pytest.MonkeyPatch,
    *arguments: str,
    servers: Mapping[str, cloud.Server] | str = SERVERS,
    slow: Callable[..., object] | None = None,
    reported: dict[str, Report] | None = None,
) -> Result:
    """`slow`: queries the cloud instead of the function that returns `servers` at once."""
    monkeypatch.setattr(status, "read_outputs", dict)
    monkeypatch.setattr(status, "parse", lambda *_: STACK)
    monkeypatch.setattr(status, "run_on_hosts", lambda *_: reported or reports())
    monkeypatch.setattr(status, "endpoint", lambda *_: 20)
    view = servers if isinstance(servers, str) else cloud.View(HERE, dict(servers))
    monkeypatch.setattr(cloud, "view", slow or (lambda *_: view))
    monkeypatch.setenv("STACK", "dev")
    return CliRunner().invoke(app, arguments)


def test_a_healthy_stack_is_one_table_and_exit_code_0(monkeypatch: pytest.MonkeyPatch) -> None:
    done = run(monkeypatch)
    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    assert [line.split("  ")[0] for line in lines[2:10]] == [
        "servers",
        "cluster",
        "fencing",
        "datasource node",
        "engines",
        "load balancer",
        "database",
        "bus",
    ]
    assert "8 of 8 active in the cloud, 8 reached" in lines[2]
    assert "Started on congress-dev-datasource-1, 1 on the bus, ping" in lines[5]
    assert lines[10].startswith("note fencing: none: a network partition")
    assert lines[-1].startswith("All is well (looked for ")


def test_json_is_one_object_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    remaining = {name: server for name, server in SERVERS.items() if name != "congress-dev-messaging"}
    done = run(monkeypatch, "--json", servers=remaining)
    assert done.exit_code == 1
    result = json.loads(done.output)
    assert (result["stack"], result["ok"]) == ("dev", False)
    assert result["roles"]["servers"] == {"state": "wrong", "seen": "7 of 8 active in the cloud, 8 reached"}
    assert result["roles"]["bus"]["state"] == "ok"
    assert result["lag"] == {"policy-engine-1": None, "policy-engine-2": None}
    assert result["findings"][0] == {
        "severity": "wrong",
        "role": "servers",
        "what": "messaging: the cloud has no server congress-dev-messaging",
        "way_out": "make replace HOST=messaging",
    }


def test_unseen_facts_are_neither_an_alarm_nor_well(monkeypatch: pytest.MonkeyPatch) -> None:
    done = run(monkeypatch, servers="no login")
    assert done.exit_code == 3
    assert "cloud not asked, 8 reached" in done.output
    assert "unseen servers: the cloud could not be asked: no login" in done.output
    last = done.output.splitlines()[-1]
    assert last.startswith("Nothing is wrong, but not everything could be seen")
    result = json.loads(run(monkeypatch, "--json", servers="no login").output)
    assert (result["ok"], result["complete"], result["roles"]["servers"]["state"]) == (True, False, "unseen")


def test_another_project_s_servers_are_not_taken_for_the_stack_s(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise every server would be "missing", with a destructive way out."""
    inquiry = status.CloudQuery("congress-dev-", Limits())
    monkeypatch.setattr(cloud, "view", lambda *_: cloud.View(Scope("another", "RegionOne"), {}))
    inquiry.start()
    result = inquiry.wait(HERE)
    assert isinstance(result, str)
    assert "this login is for project another in region RegionOne, the stack is in project project" in result
    assert inquiry.wait(Scope("another", "RegionOne")) == {}


def test_something_wrong_is_reported_beside_what_was_not_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    lost = {**reports(), "messaging": Report("Connection refused", connected=False)}
    done = run(monkeypatch, "--json", servers="no login", reported=lost)
    result = json.loads(done.output)
    assert (done.exit_code, result["ok"], result["complete"]) == (1, False, False)


def test_a_slow_cloud_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """As after idle minutes: its first answer takes longer than the answers of all hosts."""

    def slow(*_: object) -> object:
        Event().wait(2.5)
        return cloud.View(HERE, SERVERS)

    done = run(monkeypatch, slow=slow)
    assert done.exit_code == 0, done.output


def test_each_request_to_the_cloud_has_the_time_that_a_slow_one_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given: list[float] = []

    def connect(api_timeout: float) -> None:
        given.append(api_timeout)
        raise SDKException("no cloud here")

    monkeypatch.setattr(openstack, "connect", connect)
    assert cloud.view("congress-dev-", Limits()) == "no cloud here"
    assert given == [20.0]


def test_a_hung_cloud_does_not_delay_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = Event()
    monkeypatch.setattr("ops.common.limits.CLOUD_TIMEOUT", 0.5)
    done = run(monkeypatch, slow=lambda *_: ended.wait(60))
    assert done.exit_code == 3
    assert "the cloud could not be asked: no answer within 0.5 s" in done.output
    ended.set()


def test_a_state_that_cannot_be_read_is_not_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A monitor ignores exit code 2, and would not notice that it sees nothing any more."""

    def unreadable() -> None:
        raise UnreadableError("incorrect passphrase")

    monkeypatch.setattr(status, "read_outputs", unreadable)
    monkeypatch.setattr(cloud, "view", lambda *_: cloud.View(HERE, SERVERS))
    done = CliRunner().invoke(app, [])
    assert (done.exit_code, done.output) == (3, "status: incorrect passphrase\n")


def test_without_a_deployment_the_exit_code_is_2(monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing() -> None:
        raise StackError("no stack named 'prod' found")

    monkeypatch.setattr(status, "read_outputs", nothing)
    monkeypatch.setattr(cloud, "view", lambda *_: cloud.View(HERE, SERVERS))
    done = CliRunner().invoke(app, [])
    assert (done.exit_code, done.output) == (2, "status: no stack named 'prod' found\n")


def test_the_worst_finding_is_a_role_s_state_and_what_was_not_seen_is_not_ok() -> None:
    seen = changed(facts(), MessagingHealth, bus=Unseen("lost", explained=True))
    findings = [note("engines", "", ""), wrong("engines", "", ""), note("engines", "", "")]
    table = rows(seen, findings)
    assert table["engines"][0] == "wrong"
    assert table["bus"] == ("unseen", "its host could not be asked")
    assert table["database"][0] == "ok"


def test_every_role_has_probes() -> None:
    asked = {name: health_commands(name, STACK, Limits()) for name in STACK.hosts}
    assert asked["policy-engine-host-2"].keys() == {"disks", "unit policy-engine-2", "view policy-engine-2"}
    assert asked[survey.BASTION].keys() == {"disks"}
    for name, answered in reports().items():
        assert answered.answers.keys() == asked[name].keys()
