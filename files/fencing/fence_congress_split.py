# ruff: noqa: INP001 (on the hosts in the path of local modules, not a module of this project)
"""Which of two hosts that lost sight of each other survives.

In a split, both hosts ask for the other one to be fenced. The one that runs `resource` does so at once. The other
one holds back, but only if the resource still does its work, which `witness` asks on a way that is not the cluster's
own link: then it is the link that is cut, and this host will be fenced meanwhile. A host that is dead or cut off
from everything answers no witness, and waiting would only prolong the outage.

The other host's order may be slow to reach the cloud, and a host that was paused when it had asked for the same would
leave nobody. So the one that holds back does it as long as the cloud's answers take, and asks again before it acts.
"""

from __future__ import annotations

import platform
import shlex
import subprocess
import time
from collections.abc import Mapping, Sequence

from fence_congress_cloud import FenceError, Nova

QUESTION_LIMIT = 5.0  # seconds
HOLD_LIMIT = 60.0
PAUSE = 1.0
# The other host logs in and asks for the pause: two answers of a cloud that is as slow as it is for this one.
ANSWERS = 2


def holds_back(resource: str, witness: str, target: str, servers: Mapping[str, str]) -> bool:
    """Whether the other host shall win if it asks for the same; not so on both that know where it runs.

    `target`: id of the server to be fenced; `servers`: host name -> id.
    """
    here = platform.node()
    found = answer(["crm_resource", "--resource", resource, "--locate", "--quiet"])
    where = found.stdout.split() if found else []
    if here in where:
        return False
    if any(servers.get(host) == target for host in where):
        return works(witness)
    # It runs nowhere: nothing tells the two apart but their names.
    return here != min(servers)


def hold_back(nova: Nova, delay: float, witness: str) -> None:
    """Return when it is this host's turn all the same. Raises FenceError when somebody fences this host.

    Counted from the first answer of the cloud on: while it answers nobody, the other host waits as well. What it takes
    does not count as the action's time.
    """
    own = nova.credentials.servers.get(platform.node())
    if own is None:
        raise FenceError(f"this host, {platform.node()}, is none of those in the credentials' file")
    action_ends, nova.deadline = nova.deadline, time.monotonic() + HOLD_LIMIT
    began, rounds = time.monotonic(), 1
    while time.monotonic() < nova.deadline:
        state = nova.server(own)
        if state is not None and state.status == "ACTIVE" and state.task is None:
            left = began + rounds * delay + ANSWERS * nova.slowest - time.monotonic()
            # While it works there is no haste: the other host may have begun later.
            if left <= 0 and (rounds > 1 or not works(witness)):
                nova.deadline = action_ends + time.monotonic() - began
                return
            rounds += left <= 0
        time.sleep(PAUSE)
    raise FenceError("this host is being fenced itself, or its own server is busy with another task")


def works(witness: str) -> bool:
    """Whether the resource does its work."""
    seen = answer(shlex.split(witness))
    return bool(seen and seen.returncode == 0)


def answer(command: Sequence[str]) -> subprocess.CompletedProcess[str] | None:
    """What a command said; None when it could not be run, or not in time."""
    try:
        return subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=QUESTION_LIMIT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
