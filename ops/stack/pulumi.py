"""The only way from here to Pulumi: its CLI, asked for a text or at work on this terminal.

Not by Pulumi's Automation API: docs/decisions/0050-one-way-to-pulumi.md.
"""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from components.preflight.state import State, parse_state
from ops.stack.environment import require_stack
from ops.stack.outputs import ROOT, StackError

# In the environment of stack $STACK. Inside it, where that is set already, the CLI is "pulumi" itself.
PULUMI = ROOT / "scripts/pulumi"
ANSWERS = 60  # seconds


def read_outputs() -> dict[str, Any]:
    """The outputs of stack $STACK with the secret ones, from Pulumi's state. Raises StackError."""
    return _object("stack", "output", "--json", "--show-secrets")


def read_state() -> State:
    """The state of stack $STACK. Raises StackError."""
    return parse_state(_object("stack", "export"))


def _object(*arguments: str) -> dict[str, Any]:
    """The JSON object that it prints. Raises StackError."""
    require_stack()
    try:
        done = ask(PULUMI, *arguments, seconds=ANSWERS)
    except subprocess.TimeoutExpired:
        raise StackError(f"pulumi {' '.join(arguments[:2])}: no answer within {ANSWERS} s") from None
    if done.returncode:
        raise StackError(done.stderr.strip())
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def ask(cli: Path | str, *arguments: str, seconds: float | None = None) -> subprocess.CompletedProcess[str]:
    """Run it to its end; what it said is in the result. Raises TimeoutExpired."""
    return subprocess.run(
        [cli, *arguments],
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


def work(*arguments: str) -> int:
    """Run it on stack $STACK and on this terminal; its exit code. Raises KeyboardInterrupt when it has ended."""
    with ends_first():
        return subprocess.run(
            [PULUMI, *arguments], cwd=ROOT, stdin=subprocess.DEVNULL, check=False
        ).returncode


@contextmanager
def ends_first() -> Iterator[None]:
    """Ctrl-C reaches Pulumi, which ends what it has begun; only then is KeyboardInterrupt raised here.

    Python would kill it after a quarter of a second, which leaves its lock and an undecided state.
    """
    interrupts: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: interrupts.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if interrupts:
        raise KeyboardInterrupt
