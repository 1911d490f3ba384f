# ruff: noqa: INP001 (on the hosts in the path of local modules, not a module of this project)
"""Which of two hosts that lost sight of each other survives.

In a split, both hosts ask for the other one to be fenced. The one that runs `resource` does so at once. The other
one holds back, but only if the resource still does its work, which `witness` asks on a way that is not the cluster's
own link: then it is the link that is cut, and this host will be fenced meanwhile. A host that is dead or cut off
from everything answers no witness, and waiting would only prolong the outage.
"""

from __future__ import annotations

import platform
import shlex
import subprocess
from collections.abc import Mapping, Sequence

QUESTION_LIMIT = 5.0  # seconds


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
        seen = answer(shlex.split(witness))
        return bool(seen and seen.returncode == 0)
    # It runs nowhere: nothing tells the two apart but their names.
    return here != min(servers)


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
