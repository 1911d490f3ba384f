"""A stack is in one project and region of one cloud; any other login is refused before anything is created."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pulumi
import pytest

from components.preflight import cloud, scope
from components.preflight import recorded as recorded_state
from components.preflight.error import CloudError
from components.preflight.scope import Scope
from components.preflight.state import State
from tests.unit.support import recording as recorded
from tests.unit.support.fake_cloud import FakeCloud, look_up
from tests.unit.support.recording import Recording, completed

HERE = Scope("project-id", "RegionTwo")
PORT = "openstack:networking/port:Port"


def test_what_is_recorded_is_an_output(recording: Recording) -> None:
    assert recording.outputs["cloud"] == {"project_id": "project-id", "region": "RegionOne"}
    assert scope.recorded(recording.outputs) == Scope("project-id", "RegionOne")


@pytest.mark.parametrize(
    "stack",
    [None, HERE, Scope("project-id", None)],
    ids=["new", "the same", "of a login without a region"],
)
@pytest.mark.usefixtures("fake")
def test_its_own_login_is_accepted(stack: Scope | None) -> None:
    assert look_up(recorded=stack).scope == HERE


@pytest.mark.parametrize(
    ("stack", "message"),
    [
        (Scope("another", "RegionTwo"), "the stack is in project another in region RegionTwo: log in there"),
        (Scope("project-id", "RegionOne"), "the stack is in project project-id in region RegionOne"),
    ],
)
def test_another_login_is_refused_before_any_request_to_the_cloud(
    fake: FakeCloud,
    stack: Scope,
    message: str,
) -> None:
    fake.image = fake.network = None
    with pytest.raises(CloudError) as refused:
        look_up(recorded=stack)
    (problem,) = refused.value.problems
    assert problem.startswith("this login is for project project-id in region RegionTwo, ")
    assert message in problem


def test_without_a_region_the_first_of_the_catalog_is_used(fake: FakeCloud) -> None:
    fake.config.get_region_name = lambda _: None
    catalog: dict[str, Any] = {"compute": [SimpleNamespace(region_name=name) for name in ("R1", "R2")]}
    fake.session.auth.get_access = lambda _: SimpleNamespace(
        service_catalog=SimpleNamespace(get_endpoints_data=lambda **_: catalog)
    )
    assert scope.of(fake) == Scope("project-id", "R1")  # type: ignore[arg-type]
    catalog.clear()
    assert scope.of(fake) == Scope("project-id", None)  # type: ignore[arg-type]


def test_a_stack_that_predates_the_output_is_located_by_its_resources() -> None:
    resources = [
        {"type": "tls:index/privateKey:PrivateKey", "outputs": {"tenantId": "no"}},
        {"type": "openstack:compute/instance:Instance", "outputs": {"region": "R"}},
        {"type": PORT, "outputs": {"tenantId": "project-id", "region": "R"}},
    ]
    assert scope.recorded({}, resources) == Scope("project-id", "R")
    assert scope.recorded({scope.OUTPUT: {"project_id": "kept", "region": None}}, resources) == Scope(
        "kept", None
    )
    assert scope.recorded({}, resources[:2]) is None


def test_a_region_that_was_none_is_no_part_of_the_output() -> None:
    """Pulumi drops keys whose value is None from an output."""
    assert scope.recorded({scope.OUTPUT: {"project_id": "kept"}}) == Scope("kept", None)


NAME = "organization/congress-ha/prod"


@pytest.fixture(autouse=True)
def called_prod(monkeypatch: pytest.MonkeyPatch) -> None:
    for what, name in (("organization", "organization"), ("project", "congress-ha"), ("stack", "prod")):
        monkeypatch.setattr(pulumi, f"get_{what}", lambda name=name: name)


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let the CLI export the content of this file, as version 3.259 does with its file backend."""
    exported, pulumi_cli = tmp_path / "exported", tmp_path / "pulumi"
    pulumi_cli.write_text(f"""#!/bin/sh
[ "$*" = "stack export --stack {NAME} --non-interactive" ] && [ -e {exported} ] && exec cat {exported}
echo "error: no stack named '{NAME}' found" >&2; exit 255
""")
    pulumi_cli.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    return exported


PORT_OF_STACK = {"urn": "urn::port", "id": "port", "type": PORT, "outputs": {"tenantId": "p", "region": "R"}}


@pytest.mark.parametrize("outputs", [{}, {"endpoint": "x"}, {"cloud": {"project_id": "p", "region": "R"}}])
def test_the_program_s_own_state_tells_where_the_stack_is(cli: Path, outputs: dict[str, Any]) -> None:
    """Without outputs, after a first `up` that was cut off, plain `pulumi up` compared with nothing."""
    stack = {"urn": "urn::stack", "type": "pulumi:pulumi:Stack", "outputs": outputs}
    cli.write_text(json.dumps({"version": 3, "deployment": {"resources": [stack, PORT_OF_STACK]}}))
    state = recorded_state.begin().result()
    assert state.scope == Scope("p", "R")
    assert state.ids == {"port"}


@pytest.mark.parametrize("deployment", [{}, {"deployment": None}, {"deployment": {"manifest": {}}}])
def test_a_new_stack_is_nowhere(cli: Path, deployment: dict[str, Any]) -> None:
    cli.write_text(json.dumps({"version": 3, **deployment}))
    state = recorded_state.begin().result()
    assert (state.scope, state.ids) == (None, frozenset())


@pytest.mark.usefixtures("cli")
def test_a_state_that_cannot_be_read_ends_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CloudError, match=rf"the state of stack {NAME} .* error: no stack named"):
        recorded_state.begin().result()
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(CloudError, match=r"cannot be read: put the folder with the program pulumi into PATH"):
        recorded_state.begin().result()


def test_the_program_ends_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """look_up gets the engine's answer, and nothing is registered if it refuses."""
    given: list[Any] = []

    def refuse(*arguments: Any) -> Any:
        given.append(arguments[-1])
        raise CloudError(["elsewhere"])

    state = State((), HERE)
    monkeypatch.setattr(recorded_state, "begin", lambda: completed(state))
    monkeypatch.setattr(cloud, "look_up", refuse)
    monitor = recorded.RecordingMonitor()
    with pytest.raises(Exception, match="elsewhere"):
        asyncio.run(recorded._program(monitor, recorded.SETTINGS))  # noqa: SLF001
    assert given == [state]
    assert monitor.recording.resources == {}
