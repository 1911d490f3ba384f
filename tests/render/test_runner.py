"""files/host/congress-ha-step, the runner of every step, with its own /run."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from components.foundation.template import END_MARKER, ROOT
from tests.support.programs import private

RUNNER = ROOT / "files/host/congress-ha-step"


def until(condition: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "the condition did not come true"
        time.sleep(0.05)


class Host:
    """`run` is its /run. A step that runs `hold` continues until `go` exists, at the latest at the test's end."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.run = folder, folder / "run"
        self.begun, self.go = folder / "begun", folder / "go"
        self.hold = f"touch {self.begun}; until test -e {self.go}; do sleep 0.05; done"
        (self.run / "lock").mkdir(parents=True)
        self.steps: list[subprocess.Popen[str]] = []

    def start(self, body: str, name: str = "step", limit: int = 20) -> subprocess.Popen[str]:
        """Start a step; its output goes to files, so that its child processes hold no pipe of ours."""
        number = len(self.steps)
        source, out, err = (self.folder / f"{kind}{number}" for kind in ("script", "out", "err"))
        source.write_text(body)
        argv = private(["bash", RUNNER, name, str(limit)], {"/run": self.run})
        with source.open() as stdin, out.open("w") as stdout, err.open("w") as stderr:
            step = subprocess.Popen(
                argv, stdin=stdin, stdout=stdout, stderr=stderr, text=True, start_new_session=True
            )
        self.steps.append(step)
        return step

    def end(self, step: subprocess.Popen[str]) -> tuple[int, str, str]:
        """Exit status, stdout and stderr of a step after its end."""
        status = step.wait(timeout=40)
        number = self.steps.index(step)
        return status, (self.folder / f"out{number}").read_text(), (self.folder / f"err{number}").read_text()

    def step(self, body: str, limit: int = 20) -> tuple[int, str, str]:
        return self.end(self.start(f"{body}\n{END_MARKER}\n", limit=limit))

    @property
    def processes(self) -> list[str]:
        return [entry.name for entry in self.run.iterdir() if entry.name not in {"lock", "congress-ha"}]


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    made = Host(tmp_path)
    yield made
    made.go.touch()
    for step in made.steps:
        step.wait(timeout=30)


def test_child_that_reads_standard_input_swallows_nothing(host: Host) -> None:
    assert host.step("cat\nbash -s\nread -r line || echo nothing to read\necho the end") == (
        0,
        "nothing to read\nthe end\n",
        "",
    )


@pytest.mark.parametrize(
    "script",
    ["touch {0}", "touch {0}\n# end of ste", "touch {0}\n# end of step\ntouch {0}", ""],
    ids=["no marker", "cut off", "marker inside", "empty"],
)
def test_incomplete_script_does_not_run(host: Host, script: str) -> None:
    touched = host.folder / "touched"
    status, out, err = host.end(host.start(script.format(touched)))
    assert (status, out) == (65, "")
    assert err == "the script of step step arrived incomplete; run pulumi up again\n"
    assert not touched.exists()
    assert host.processes == []


@pytest.mark.parametrize("status", [0, 1, 3, 42])
def test_passes_status_and_output_on_and_leaves_nothing(host: Host, status: int) -> None:
    assert host.step(f"echo out; echo err >&2; exit {status}") == (status, "out\n", "err\n")
    assert host.processes == []


def test_large_script_and_output_arrive_whole(host: Host) -> None:
    line = "x" * 1000
    status, out, _ = host.step("\n".join(f"echo {number}{line}" for number in range(500)))
    assert (status, len(out.splitlines())) == (0, 500)


def test_nobody_else_reads_the_script(host: Host) -> None:
    """Folder and file are private, while files that the step creates have the ordinary modes."""
    _, out, _ = host.step(
        f'stat -c %a "$(dirname "$0")" "$0"; touch {host.folder}/made; stat -c %a {host.folder}/made'
    )
    assert out.split() == ["700", "600", "644"]


def test_script_is_on_no_command_line(host: Host) -> None:
    _, out, _ = host.step(
        "password=hunter2hunter2; tr '\\0' ' ' < /proc/$$/cmdline; tr '\\0' ' ' < /proc/$PPID/cmdline"
    )
    assert "congress-ha." in out
    assert "hunter2" not in out


def test_says_when_the_limit_ended_the_step(host: Host) -> None:
    start = time.monotonic()
    status, _, err = host.step("sleep 300\necho went on", limit=1)
    assert status == 124
    assert err == f"step step was stopped after its limit of 1 s on {os.uname().nodename}\n"
    assert time.monotonic() - start < 20
    assert host.processes == []


def test_second_run_of_a_step_waits_for_the_first(host: Host) -> None:
    log = host.folder / "log"
    first = host.start(f"{host.hold}; echo first >> {log}\n{END_MARKER}\n")
    until(host.begun.exists)
    second = host.start(f"echo second >> {log}\n{END_MARKER}\n")
    until(lambda: len(host.processes) == 2)
    assert host.end(host.start(f"echo other >> {log}\n{END_MARKER}\n", name="other")) == (0, "", "")
    assert second.poll() is None
    host.go.touch()
    assert [host.end(step)[0] for step in (first, second)] == [0, 0]
    assert log.read_text().split() == ["other", "first", "second"]
    assert host.processes == []


def test_says_when_an_earlier_run_does_not_end(host: Host) -> None:
    host.start(f"{host.hold}\n{END_MARKER}\n", limit=60)
    until(host.begun.exists)
    status, _, err = host.step("echo never", limit=1)
    assert status == 75
    assert err == f"step step of an earlier run did not end within 1 s on {os.uname().nodename}\n"


def test_service_that_a_step_leaves_behind_holds_no_lock(host: Host) -> None:
    pid = host.folder / "pid"
    assert host.step(f"setsid sleep 300 & echo $! > {pid}")[0] == 0
    service = int(pid.read_text())
    try:
        os.kill(service, 0)
        assert host.step("echo second", limit=5) == (0, "second\n", "")
    finally:
        os.kill(service, signal.SIGKILL)


def test_runner_that_is_ended_leaves_no_script(host: Host) -> None:
    """The step itself continues, as after a lost connection; its lock delays the next run."""
    step = host.start(f"{host.hold}; echo went on\n{END_MARKER}\n")
    until(host.begun.exists)
    os.kill(step.pid, signal.SIGTERM)
    assert step.wait(timeout=20) == -signal.SIGTERM
    assert host.processes == []
    assert host.step("echo never", limit=1)[0] == 75
    host.go.touch()
    assert host.step("echo next") == (0, "next\n", "")
    assert host.end(step)[1] == "went on\n"


def test_only_root_can_delay_a_step(host: Host) -> None:
    """In /run/lock the user congress could create and hold a lock of the step's name before the step runs."""
    (host.run / "lock/congress-ha-step").touch()
    holder = subprocess.Popen(["flock", host.run / "lock/congress-ha-step", "sleep", "300"])
    try:
        assert host.step("echo done", limit=5) == (0, "done\n", "")
    finally:
        holder.kill()
        holder.wait()
    folder = host.run / "congress-ha"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert [entry.name for entry in folder.iterdir()] == ["step"]


def test_a_step_that_an_older_runner_began_is_waited_for(host: Host) -> None:
    """As root, with `flock` and the former lock, as it runs the step."""
    older = subprocess.Popen(
        private(
            [
                *("flock", "--close", "--timeout", "20", "--conflict-exit-code", "75"),
                *("/run/lock/congress-ha-step", "timeout", "20", "bash", "-c", host.hold),
            ],
            {"/run": host.run},
        )
    )
    until(host.begun.exists)
    log = host.folder / "log"
    second = host.start(f"echo second >> {log}\n{END_MARKER}\n")
    until(lambda: len(host.processes) == 1)
    assert host.end(host.start(f"echo other >> {log}\n{END_MARKER}\n", name="other")) == (0, "", "")
    assert second.poll() is None
    assert log.read_text() == "other\n"
    host.go.touch()
    assert older.wait(timeout=30) == 0
    assert host.end(second)[0] == 0
    assert log.read_text() == "other\nsecond\n"
