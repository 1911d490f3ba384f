"""Progress messages with elapsed time, and signals that take effect only between two steps."""

from __future__ import annotations

import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

import typer

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StoppedError(Exception):
    """A signal of the operator ended the command."""


@contextmanager
def signals_raise() -> Iterator[None]:
    """Within the context SIGTERM and SIGHUP raise StoppedError, so that temporary files with secrets are removed."""

    def end(number: int, frame: FrameType | None) -> None:  # noqa: ARG001  Python's own signature
        raise StoppedError(f"ended by {signal.Signals(number).name}")

    previous = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


@contextmanager
def private_folder() -> Iterator[Path]:
    """A temporary folder for the deployer's SSH key. It is removed however the command ends, except by SIGKILL."""
    with signals_raise(), tempfile.TemporaryDirectory(prefix="congress-ha-") as name:
        yield Path(name)


def echo(text: str) -> None:
    """Print a line, if there is anybody to read it: a lost terminal must not end what restores the services."""
    with suppress(OSError):
        typer.echo(text)


@contextmanager
def stage(name: str, what: str) -> Iterator[None]:
    """Print the beginning of a stage, and how long it took."""
    started = time.monotonic()
    echo(f"== {name}: {what}")
    try:
        yield
    except BaseException:
        echo(f"== {name}: stopped after {time.monotonic() - started:.0f} s")
        raise
    echo(f"== {name}: done in {time.monotonic() - started:.0f} s")


class Progress:
    """Messages of one command. Within `guarded`, Ctrl-C takes effect only in `begin`, which starts each step."""

    def __init__(self, tool: str) -> None:
        self.tool, self.started = tool, time.monotonic()
        self.interrupt_requested = self.ignores_signals = False

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started

    def begin(self, step: str) -> None:
        if self.interrupt_requested and not self.ignores_signals:
            raise StoppedError("interrupted")
        self.say(step)

    def ignore_signals(self) -> None:
        """Ignore every later signal, as during a rollback."""
        self.ignores_signals = True

    def say(self, text: str) -> None:
        echo(f"{self.tool}: {self.seconds:5.1f} s  {text}")

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """Defer signals to the next step: a command on a host continues there even if this program ends."""
        previous = {number: signal.signal(number, self._later) for number in SIGNALS}
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)

    def _later(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002  Python's own signature
        self.interrupt_requested = True
        consequence = (
            "the rollback is already running"
            if self.ignores_signals
            else "stops after this step and restores the previous state"
        )
        self.say(f"{signal.Signals(number).name}: {consequence}")
