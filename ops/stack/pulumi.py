"""Runs the Pulumi CLI, either for its output or attached to this terminal. No other module of ops/ runs it.

Why not the Automation API: docs/decisions/0050-one-way-to-pulumi.md.
"""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from components.preflight.state import State, parse_state
from ops.stack.environment import require_stack
from ops.stack.outputs import ROOT, StackError, UnreadableError

# Runs the CLI in the environment of stack $STACK. Where that environment is already set, "pulumi" is enough.
PULUMI = ROOT / "scripts/pulumi"
ANSWERS = 60  # seconds


def read_outputs() -> dict[str, Any]:
    """The outputs of stack $STACK, secrets included, from Pulumi's state. Raises StackError."""
    return _object("stack", "output", "--json", "--show-secrets")


def read_setting(name: str) -> Any:
    """A structured setting of stack $STACK, secrets included; None without it. Raises StackError."""
    setting = _object("config", "--json", "--show-secrets").get(f"congress-ha:{name}", {})
    return json.loads(setting["value"]) if "value" in setting else None


def read_state() -> State:
    """The state of stack $STACK. Raises StackError."""
    return parse_state(_object("stack", "export"))


def read_declared(outputs: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The policies and datasources that the last `up` of stack $STACK applied; None if it declares none, as its
    outputs say. Raises StackError.
    """
    return read_state().policies if "policies" in outputs else None


def _object(*arguments: str) -> dict[str, Any]:
    """The JSON object that a Pulumi command prints. Raises StackError."""
    require_stack()
    try:
        done = ask(PULUMI, *arguments, seconds=ANSWERS)
    except subprocess.TimeoutExpired:
        raise UnreadableError(f"pulumi {' '.join(arguments[:2])}: no answer within {ANSWERS} s") from None
    if done.returncode:
        # The words of scripts/pulumi.
        missing = "is not in this backend" in done.stderr
        raise (StackError if missing else UnreadableError)(done.stderr.strip())
    parsed: dict[str, Any] = json.loads(done.stdout)
    return parsed


def ask(cli: Path | str, *arguments: str, seconds: float | None = None) -> subprocess.CompletedProcess[str]:
    """Run a Pulumi CLI and capture its output. `seconds`: time limit. Raises TimeoutExpired."""
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
    """Run Pulumi on stack $STACK, attached to this terminal; returns its exit code.

    Raises KeyboardInterrupt after a Ctrl-C, once Pulumi has ended.
    """
    with ends_first():
        return subprocess.run(
            [PULUMI, *arguments], cwd=ROOT, stdin=subprocess.DEVNULL, check=False
        ).returncode


@contextmanager
def ends_first() -> Iterator[None]:
    """Defer a Ctrl-C: Pulumi gets it and finishes what it has begun; then KeyboardInterrupt is raised here.

    Python would kill Pulumi after a quarter of a second, which leaves a lock and pending operations behind.
    """
    interrupts: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: interrupts.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if interrupts:
        raise KeyboardInterrupt
