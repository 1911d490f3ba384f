"""The datasource node's start by `make restore` and `make replace`: a refusal of Pacemaker ends it with its reason."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from components.foundation.template import render_command
from tests.render.support.library import Library

DELETE = "crm_resource --resource ds-node --meta --delete-parameter target-role"
CLEANUP = "crm_resource --resource ds-node --cleanup"
PYTHON = "/opt/congress/bin/python"
# What Pacemaker 2.1.5 prints.
NOT_CONNECTED = (
    "crm_resource: Could not connect to the CIB: Transport endpoint is not connected",
    "Error performing operation: Not connected",
)
NOT_FOUND = ("crm_resource: Resource 'ds-node' not found", "Error performing operation: No such object")


@pytest.fixture
def host(tmp_path: Path) -> Library:
    """A host on which the node serves as soon as Pacemaker has started it."""
    library = Library(tmp_path)
    library.fake("crm_resource")
    library.fake("python", f"grep -q -- --cleanup {tmp_path}/calls")
    return library


def start(host: Library) -> subprocess.CompletedProcess[str]:
    script = render_command("datasource_node/start.sh.j2", {})
    assert PYTHON in script
    return host.run(script.replace(PYTHON, "python"))


def test_the_node_is_released_cleared_and_waited_for(host: Library) -> None:
    done = start(host)
    assert (done.returncode, done.stderr) == (0, "")
    assert host.calls[:2] == [DELETE, CLEANUP]
    assert all(call.startswith("python -m ") for call in host.calls[2:])
    assert len(host.calls) == 3


@pytest.mark.parametrize(("refused", "before"), [("--delete-parameter", []), ("--cleanup", [DELETE])])
@pytest.mark.parametrize(("code", "reason"), [(102, NOT_CONNECTED), (105, NOT_FOUND)])
def test_what_pacemaker_refuses_ends_the_script_with_its_reason(
    host: Library, refused: str, before: list[str], code: int, reason: tuple[str, str]
) -> None:
    lines = "; ".join(f'echo "{line}" >&2' for line in reason)
    host.fake("crm_resource", f'[[ "$*" != *{refused}* ]] || {{ {lines}; exit {code}; }}')
    done = start(host)
    assert done.returncode == 1
    assert done.stderr == f"Pacemaker cannot start the datasource node: {'; '.join(reason)}\n"
    assert host.calls[:-1] == before
    assert refused in host.calls[-1]
