# ruff: noqa: INP001 (on hosts it is in Python's path of local modules)
"""Takes a host for fenced whose compute host does not carry out nova's orders, if it can do no harm while it runs.

Whether that is so is the cluster's own affair: a command on the host that fences says it. For the database's hosts it
is so as soon as no other one receives from it (files/database): a write that nobody receives is never acknowledged.
"""

from __future__ import annotations

import shlex
import time

from fence_congress_cloud import Nova
from fence_congress_credentials import FenceError
from fence_congress_fabric import RESERVE, require_unfenced
from fence_congress_split import run


def prove(nova: Nova, server: str, command: str) -> str:
    """Say that a server is harmless. `command` gets its host's name. Raises FenceError, with the command's reason."""
    require_unfenced(nova)
    host = nova.credentials.host(server)
    limit = nova.deadline - time.monotonic() - RESERVE
    done = run([*shlex.split(command), host], limit)
    if done is None or done.returncode:
        said = (done.stdout + done.stderr).strip().splitlines()[-1:] if done else []
        raise FenceError(f"{host} may do harm if it still runs: {' '.join(said) or 'no answer'}")
    return f"{host} can do no harm, even if it still runs"
