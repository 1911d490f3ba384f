"""Says on the terminal what is going on, with the seconds, and lets nobody interrupt it half-way."""

from __future__ import annotations

import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import typer

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StoppedError(Exception):
    """The operator wants it to end."""


@contextmanager
def ended_in_order() -> Iterator[None]:
    """SIGTERM and SIGHUP raise StoppedError, so that nothing secret is left in a folder for temporary files."""

    def end(number: int, frame: FrameType | None) -> None:  # noqa: ARG001  Python's own signature
        raise StoppedError(f"ended by {signal.Signals(number).name}")

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def private_folder() -> Iterator[Path]:
    """For the deployer's key. It goes whoever ends the tool, but for SIGKILL."""
    with ended_in_order(), tempfile.TemporaryDirectory(prefix="congress-ha-") as name:
        yield Path(name)


class Progress:
    """`begin` is called between two steps: there, and nowhere else, a Ctrl-C takes effect inside `guarded`."""

    def __init__(self, tool: str) -> None:
        self.tool, self.began = tool, time.monotonic()
        self.asked_to_end = self.goes_on = False

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.began

    def begin(self, step: str) -> None:
        if self.asked_to_end and not self.goes_on:
            raise StoppedError("interrupted")
        self.say(step)

    def go_on(self) -> None:
        """From here on nothing interrupts."""
        self.goes_on = True

    def say(self, text: str) -> None:
        typer.echo(f"{self.tool}: {self.seconds:5.1f} s  {text}")

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """A command on a host goes on there whatever happens here, so it is not left in the middle."""
        before = {number: signal.signal(number, self._later) for number in SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _later(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002  Python's own signature
        self.asked_to_end = True
        told = (
            "it is being put back already"
            if self.goes_on
            else "ends after this step, and puts back what was there"
        )
        self.say(f"{signal.Signals(number).name}: {told}")
