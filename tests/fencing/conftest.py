"""Runs the fence agent as Pacemaker's fencer does, with a small cloud over real HTTP."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.fencing.support.fake_cloud import ONE, SECRET, TOKEN, TWO, Cloud, serving

AGENT = Path(__file__).parents[2] / "files" / "fencing" / "fence_congress_openstack.py"
# An agent with a deadline of seconds instead of a minute, for cases in which it must give up.
HASTY = """
import sys
sys.path.insert(0, {folder!r})
import fence_congress_openstack as agent, fence_congress_power as power, fence_congress_split
agent.LIMITS["reboot"] = 5.0
power.PAUSE_LIMIT = 0.5
fence_congress_split.HOLD_LIMIT = 3.0
sys.exit(agent.main())
"""


@dataclass
class Done:
    status: int
    out: str
    error: str


Fence = Callable[..., Done]


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with serving(Cloud()) as cloud:
        yield cloud


@pytest.fixture
def credentials(cloud: Cloud, tmp_path: Path) -> Path:
    file = tmp_path / "fencing.json"
    write(file, **login(cloud))
    return file


def login(cloud: Cloud) -> dict[str, Any]:
    """What every file with a login to the cloud has."""
    return {
        "auth_url": cloud.url,
        "application_credential_id": "the-id",
        "application_credential_secret": SECRET,
        "region": "RegionOne",
        "servers": {"one": ONE, "two": TWO},
    }


def write(file: Path, **values: Any) -> None:
    file.touch(mode=0o600)
    file.write_text(json.dumps(values))


@pytest.fixture
def fence(credentials: Path) -> Fence:
    def fence(action: str, plug: str | None = None, *more: str, hasty: bool = False, **env: str) -> Done:
        lines = ["# said by no Pacemaker, but allowed", f"action={action}", "nodename=one", *more]
        lines += [f"credentials={credentials}", *([f"plug={plug}"] if plug else [])]
        code = HASTY.format(folder=str(AGENT.parent))
        done = subprocess.run(
            [sys.executable, *(["-c", code] if hasty else [str(AGENT)])],
            input="\n".join(lines),
            env={"PATH": os.environ["PATH"], "NO_PROXY": "*", **env},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert SECRET not in done.stdout + done.stderr
        assert TOKEN not in done.stdout + done.stderr
        assert "Traceback" not in done.stderr, done.stderr
        return Done(done.returncode, done.stdout, done.stderr)

    return fence
