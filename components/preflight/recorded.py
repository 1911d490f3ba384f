"""The stack's state before this run. The CLI exports it, because the engine gives a program only outputs.

The export takes as long as the imports of this program, so __main__.py begins it before them.
"""

from __future__ import annotations

import json
import subprocess
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pulumi

from components.preflight.error import CloudError
from components.preflight.state import State, parse_state


def begin() -> Future[State]:
    """Begin to export the state; it is empty until the stack has resources in a cloud. result() raises CloudError."""
    stack = f"{pulumi.get_organization()}/{pulumi.get_project()}/{pulumi.get_stack()}"
    pool = ThreadPoolExecutor(1)
    exporting = pool.submit(_exported, stack)
    pool.shutdown(wait=False)
    return exporting


def _exported(stack: str) -> State:
    state = parse_state(_export(stack))
    if state.begun.encrypted:
        return replace(state, begun=parse_state(_export(stack, "--show-secrets")).begun)
    return state


def _export(stack: str, *options: str) -> dict[str, Any]:
    argv = ["pulumi", "stack", "export", "--stack", stack, "--non-interactive", *options]
    try:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True)
    except FileNotFoundError:
        raise CloudError(
            [f"the state of stack {stack} cannot be read: put the folder with the program pulumi into PATH"]
        ) from None
    except (OSError, subprocess.CalledProcessError) as error:
        reason = str(getattr(error, "stderr", "")).strip() or error
        raise CloudError(
            [f"the state of stack {stack} cannot be read (pulumi stack export): {reason}"]
        ) from None
    exported: dict[str, Any] = json.loads(done.stdout)
    return exported
