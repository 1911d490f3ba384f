"""Run stages side by side, with their output, their logs, their errors and their progress.

The system's Python runs this before there is a .venv.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Self, TextIO

# A stage that had nothing to do ends sooner than this. Its duration does not predict that of a run with work to do.
WORTH_AN_ESTIMATE = 10  # seconds


@dataclass(frozen=True)
class Stage:
    """A command with its own log.

    `remedy` is what to try if it fails. `progress` returns how far it is, for a terminal; "" if that is unknown.
    """

    name: str
    description: str
    remedy: str
    command: list[str]
    progress: Callable[[], str] = lambda: ""


@dataclass
class Durations:
    """Seconds that each stage took the last time it had something to do; one line each, `NAME SECONDS`."""

    file: Path

    def read(self) -> dict[str, int]:
        try:
            lines = self.file.read_text().splitlines()
        except FileNotFoundError:
            return {}
        known = (re.fullmatch(r"(\S+) (\d+)", line) for line in lines)
        return {found[1]: int(found[2]) for found in known if found}

    def record(self, name: str, seconds: int) -> None:
        if seconds >= WORTH_AN_ESTIMATE:
            known = self.read() | {name: seconds}
            # Only an estimate: a full disk must not end the run.
            with contextlib.suppress(OSError):
                self.file.write_text("".join(f"{name} {seconds}\n" for name, seconds in known.items()))


@dataclass
class _Running:
    """A stage at work. Its command leads a process group of its own, which signals reach as a whole."""

    stage: Stage
    process: subprocess.Popen[str]
    estimate: int | None
    started: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> int:
        return int(time.monotonic() - self.started)

    def state(self) -> str:
        of = f" of about {self.estimate}" if self.estimate else ""
        progress = self.stage.progress()
        return f"{self.stage.name} {self.seconds}{of} s" + (f", {progress}" if progress else "")


class _Log:
    """A file that takes lines. The first error, such as that of a full disk, is kept, and no more is written.

    The stage itself goes on: an error of its log must not cut off what it does in the cloud.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: TextIO | None = None
        self.problem = ""

    def __enter__(self) -> Self:
        try:
            self._file = self._path.open("w")
        except OSError as error:
            self.problem = str(error.strerror)
        return self

    def write(self, line: str) -> None:
        if self._file is None or self.problem:
            return
        try:
            self._file.write(line)
            self._file.flush()
        except OSError as error:
            self.problem = str(error.strerror)

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            # What is left in its buffer fails again.
            with contextlib.suppress(OSError):
                self._file.close()


class Stages:
    """Runs lanes side by side, the stages of a lane one after another.

    After an error, no further stage begins, and running stages are ended. SIGINT, SIGTERM and SIGHUP are passed on to
    the running stages, which handle them in their own way. So a second Ctrl-C has the same effect as on the command.
    """

    def __init__(self, logs: Path, out: TextIO = sys.stdout) -> None:
        self.logs = logs
        self._out = out
        self._durations = Durations(logs / "up-durations.log")
        self._lock = threading.RLock()  # of all below; a signal may interrupt its holder
        self._running: dict[str, _Running] = {}
        self._errors: list[str] = []
        self._signal: int | None = None

    def run(self, *lanes: list[Stage]) -> None:
        """Run all stages. Ends this program with the error of the first stage that failed, or as a signal demands."""
        signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        earlier = {number: signal.signal(number, self._pass_on) for number in signals}
        width = max(len(stage.name) for lane in lanes for stage in lane) if len(lanes) > 1 else 0
        threads = []
        for lane in lanes:
            # The first stages begin here, so that their lines have the order of the lanes.
            first = self._start(lane[0])
            threads.append(threading.Thread(target=self._lane, args=(lane, first, width)))
            threads[-1].start()
        while any(thread.is_alive() for thread in threads):
            for thread in threads:
                thread.join(0.5 / len(threads))
            self._show_state()
        for number, handler in earlier.items():
            signal.signal(number, handler)
        if self._signal is not None:
            print("up: interrupted; make up continues where it stopped", file=sys.stderr)
            sys.exit(128 + self._signal)
        if self._errors:
            sys.exit(self._errors[0])

    def say(self, line: str) -> None:
        with self._lock:
            clear = "\r\x1b[K" if self._out.isatty() else ""
            print(f"{clear}{line}", file=self._out, flush=True)

    def _show_state(self) -> None:
        with self._lock:
            if self._out.isatty() and self._running:
                text = "; ".join(running.state() for running in self._running.values())
                columns = shutil.get_terminal_size().columns
                print(f"\r\x1b[K{text[: columns - 1]}", end="", file=self._out, flush=True)

    def _lane(self, lane: list[Stage], first: _Running | None, width: int) -> None:
        running = first
        try:
            for stage in lane:
                running = running or self._start(stage)
                if running is None or not self._follow(running, width):
                    return
                running = None
        except Exception as error:  # noqa: BLE001  otherwise the thread would end without a word
            self._fail(f"up: {error}")

    def _start(self, stage: Stage) -> _Running | None:
        with self._lock:
            if self._errors or self._signal is not None:
                return None
            estimate = self._durations.read().get(stage.name)
            self.say(
                f"== {stage.name}: {stage.description}" + (f" (last time {estimate} s)" if estimate else "")
            )
            process = subprocess.Popen(
                stage.command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                start_new_session=True,
            )
            self._running[stage.name] = _Running(stage, process, estimate)
            return self._running[stage.name]

    def _follow(self, running: _Running, width: int) -> bool:
        """Pass the lines on until the stage has ended; whether the next one may begin."""
        name, log = running.stage.name, self.logs / f"up-{running.stage.name}.log"
        assert running.process.stdout is not None  # noqa: S101  for mypy: it is a pipe
        with running.process.stdout, _Log(log) as file:
            for line in running.process.stdout:
                file.write(line)
                self.say(f"{name:{width}} | {line.rstrip()}" if width else line.rstrip("\n"))
        if file.problem:
            self.say(f"== {name}: its log {_short(log)} is incomplete: {file.problem}")
        failed = running.process.wait() != 0
        with self._lock:
            del self._running[name]
            seconds = running.seconds
            if not failed:
                self._durations.record(name, seconds)
                self.say(f"== {name}: done in {seconds} s")
                return True
            self._fail(
                f"up: stage {name} failed after {seconds} s; log: {_short(log)}; try: {running.stage.remedy}",
                f"stage {name} failed",
            )
            return False

    def _fail(self, error: str, why: str = "of the error below") -> None:
        with self._lock:
            # A stage that was ended because of another error, or by a signal, did not fail itself.
            if self._errors or self._signal is not None:
                return
            self._errors.append(error)
            for other in self._running.values():
                self.say(f"== {other.stage.name}: ended, because {why}; the next run continues it")
            self._signal_all(signal.SIGTERM)

    def _pass_on(self, number: int, _: FrameType | None) -> None:
        with self._lock:
            self._signal = number
            self._signal_all(number)

    def _signal_all(self, number: int) -> None:
        for running in self._running.values():
            # It may have just ended.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(running.process.pid, number)


def _short(path: Path) -> str:
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
