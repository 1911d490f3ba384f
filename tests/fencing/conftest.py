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

from tests.fencing.support.fake_cloud import (
    GROUP,
    NAMES,
    ONE,
    PROBE_GROUP,
    SECRET,
    TOKEN,
    TWO,
    Cloud,
    serving,
)

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
NEVER = (10**6, "", "")
PAIR_GROUP, PROBE = NAMES[GROUP], NAMES[PROBE_GROUP]
PROVES = [(ONE, f"add {PROBE}"), (ONE, f"remove {PROBE}")]
# That it can be proven, the isolation, and the proof.
ISOLATES = [*PROVES, (TWO, f"remove {PAIR_GROUP}"), *PROVES]
# An agent on a named host, with shorter limits. `door`: a file that exists while this host reaches the closed ports.
# Two files beside it name the addresses of hosts that are lost, and of those that do not follow.
HOST = """
import platform, sys
from pathlib import Path
sys.path.insert(0, {folder!r})
platform.node = lambda: {host!r}
import fence_congress_openstack as agent, fence_congress_fabric as fabric, fence_congress_power as power
import fence_congress_split as split
agent.LIMITS |= {{"reboot": 20.0, "monitor": 20.0}}
agent.NOVA_LIMIT, power.PAUSE_LIMIT, fabric.RESERVE, fabric.CHECK_LIMIT = 2.0, 1.0, 1.0, 1.0
fabric.PROOF = agent.HARMLESS_LIMIT = 1.0
split.HOLD_LIMIT = 4.0
door = Path({door!r})
fabric.LOCK = str(door.with_suffix("." + {host!r}))
named = lambda address, file: address in door.with_suffix(file).read_text()
fabric.reaches = lambda address, port: not named(address, ".lost") and (
    port != 22 or (door.exists() and not named(address, ".stuck"))
)
sys.exit(agent.main())
"""


@dataclass
class Done:
    status: int
    out: str
    error: str


Fence = Callable[..., Done]
Run = Callable[..., "subprocess.Popen[str]"]


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
    """The part that all files with a login to the cloud have in common."""
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


def dead(cloud: Cloud, server: str) -> None:
    """Its compute host accepts orders and carries out none."""
    cloud.ends |= {"pause": NEVER, "reboot": NEVER}
    assert cloud.servers[server].task is None


@pytest.fixture
def door(cloud: Cloud, tmp_path: Path) -> Path:
    """Open while the host that fences is in the group that opens the probed ports."""
    door = tmp_path / "door"
    for file in (".lost", ".stuck"):
        door.with_suffix(file).touch()

    def move(server: str, _: str) -> None:
        if PROBE_GROUP in cloud.servers[server].groups:
            door.touch()
        else:
            door.unlink(missing_ok=True)

    cloud.joined = move
    return door


@pytest.fixture
def start(cloud: Cloud, door: Path, tmp_path: Path) -> Run:
    """An agent on host `one` (or `host`), which sees an isolated host nowhere (or what `isolated` says)."""
    file = tmp_path / "fencing.json"
    write(
        file,
        **login(cloud),
        addresses={"one": "10.0.0.1", "two": "10.0.0.2"},
        group=GROUP,
        probe_group=PROBE_GROUP,
        probed={
            "database": {"addresses": [f"10.0.1.{n}" for n in (1, 2, 3)], "closed": 22, "open": 3306},
            "messaging": {"addresses": [f"10.0.2.{n}" for n in (1, 2, 3)], "closed": 22, "open": 5671},
        },
    )

    def start(action: str, plug: str, *more: str, host: str = "one", isolated: str = "true") -> Any:
        orders = tmp_path / f"{host}.orders"
        lines = [f"action={action}", f"plug={plug}", f"credentials={file}", f"isolated={isolated}", *more]
        orders.write_text("\n".join(lines))
        code = HOST.format(folder=str(AGENT.parent), host=host, door=str(door))
        with orders.open() as stdin:
            return subprocess.Popen(
                [sys.executable, "-c", code],
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={"PATH": f"{tmp_path}:{os.environ['PATH']}", "NO_PROXY": "*"},
                text=True,
            )

    return start


def ended(process: subprocess.Popen[str]) -> Done:
    out, error = process.communicate(timeout=90)
    assert "Traceback" not in error, error
    return Done(process.returncode, out, error)
