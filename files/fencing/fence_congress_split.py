# ruff: noqa: INP001 (on hosts it is in Python's path of local modules)
"""Decides which of two hosts survives a split brain.

In a split, each host requests to fence the other one. The host that runs `resource` does so at once. The other host
waits, but only if the resource still works. The command `witness` checks this over another way than the cluster's own
link. If the resource works, only the link is cut, and this host will be fenced while it waits. If the other host is
dead or completely isolated, the witness fails, and waiting would only prolong the outage.

The other host's request may reach the cloud late. If this host's request were then already accepted, both hosts would
be fenced. So this host waits at least as long as the cloud's answers take, and runs the witness again before it acts.
"""

from __future__ import annotations

import platform
import shlex
import subprocess
import time
from collections.abc import Mapping, Sequence

from fence_congress_cloud import Nova
from fence_congress_credentials import FenceError

COMMAND_LIMIT = 5.0  # seconds
HOLD_LIMIT = 75.0
PAUSE = 1.0
# The other host needs three answers of the cloud, for its login, for its own groups and for the pause, which may be as
# slow as for this host.
ANSWERS = 3


def holds_back(resource: str, witness: str, target: str, servers: Mapping[str, str]) -> bool:
    """Whether this host must wait before it fences. Never true on both hosts if they know where the resource runs.

    `target`: id of the server to be fenced. `servers`: host name -> server id.
    """
    here, where = platform.node(), located(resource)
    if here in where:
        return False
    if any(servers.get(host) == target for host in where):
        return works(witness)
    # It runs nowhere, so only the names decide.
    return here != min(servers)


def located(resource: str) -> list[str]:
    """The hosts on which Pacemaker runs the resource, as far as this host knows."""
    location = run(["crm_resource", "--resource", resource, "--locate", "--quiet"])
    return location.stdout.split() if location else []


def is_here(resource: str) -> bool:
    return platform.node() in located(resource)


def hold_back(nova: Nova, delay: float, witness: str) -> None:
    """Wait until this host may fence. Raises FenceError if this host is fenced meanwhile.

    The delay starts with the cloud's first answer: while the cloud does not answer, the other host waits as well. The
    waiting time does not count as part of the action's limit.
    """
    own = nova.credentials.own
    if own is None:
        raise FenceError(f"this host, {platform.node()}, is none of those in the credentials' file")
    action_ends, nova.deadline = nova.deadline, time.monotonic() + HOLD_LIMIT
    start, rounds = time.monotonic(), 1
    while time.monotonic() < nova.deadline:
        state = nova.server(own)
        if state is not None and state.status == "ACTIVE" and state.task is None:
            remaining = start + rounds * delay + ANSWERS * nova.slowest - time.monotonic()
            # If the resource works, wait a second round: the other host may have started later.
            if remaining <= 0 and (rounds > 1 or not works(witness)):
                nova.deadline = action_ends + time.monotonic() - start
                return
            rounds += remaining <= 0
        time.sleep(PAUSE)
    raise FenceError("this host is being fenced itself, or its own server is busy with another task")


def works(witness: str) -> bool:
    """Whether the witness says that the resource works."""
    result = run(shlex.split(witness))
    return bool(result and result.returncode == 0)


def run(command: Sequence[str], limit: float | None = None) -> subprocess.CompletedProcess[str] | None:
    """The result of a command, None if it cannot be run or does not end in `limit` seconds (COMMAND_LIMIT)."""
    try:
        return subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=COMMAND_LIMIT if limit is None else limit,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
