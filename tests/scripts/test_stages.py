"""The stages of `make up` side by side: their lines, logs and errors, and what remains after a signal."""

from __future__ import annotations

import io
import os
import re
import shlex
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from scripts import bring_up
from scripts.stages import Durations, Stage, Stages

ROOT = Path(__file__).resolve().parents[2]
# Says that it has begun, opens its arguments, and ends only by a signal. Not a shell: a signal between its fork and
# exec is lost.
WAITING = """
import signal, sys
signals = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
signal.pthread_sigmask(signal.SIG_BLOCK, signals)
print("begun", flush=True)
for fifo in sys.argv[1:]:
    open(fifo, "w").close()
signal.sigwait(signals)
print("cleaned up", flush=True)
sys.exit(1)
"""
ENDLESS = f"exec {shlex.join([sys.executable, '-c', WAITING])}"


def stage(name: str, script: str) -> Stage:
    return Stage(name, f"what {name} does", f"make {name}", ["bash", "-c", script])


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_stages_of_two_lanes_run_at_the_same_time(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    out = io.StringIO()
    # Each end of a fifo waits until the other one is opened.
    lanes = [[stage("a", f"echo hello >{fifo}"), stage("then", "echo x")], [stage("b", f"cat {fifo}")]]
    Stages(tmp_path, out).run(*lanes)
    lines = re.sub(r"\d+ s$", "SECONDS", out.getvalue(), flags=re.MULTILINE).splitlines()
    assert lines[:2] == ["== a: what a does", "== b: what b does"]
    assert "b    | hello" in lines
    assert (
        lines.index("== a: done in SECONDS")
        < lines.index("== then: what then does")
        < lines.index("then | x")
    )
    assert (tmp_path / "up-b.log").read_text() == "hello\n"


def test_an_error_ends_the_other_stage_and_is_reported_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    out = io.StringIO()
    endless = stage("endless", f"{ENDLESS} {fifo}")
    lanes = [[stage("bad", f"read <{fifo}; exit 3"), stage("never", "echo never")], [endless]]
    with pytest.raises(SystemExit) as ended:
        Stages(tmp_path, out).run(*lanes)
    error = rf"up: stage bad failed after \d+ s; log: {tmp_path}/up-bad\.log; try: make bad"
    assert re.fullmatch(error, str(ended.value))
    assert "never" not in out.getvalue()
    assert (tmp_path / "up-endless.log").read_text() == "begun\ncleaned up\n"
    assert out.getvalue().count("failed") == 1
    assert "== endless: ended, because stage bad failed; the next run continues it" in out.getvalue()
    assert capsys.readouterr().err == ""


def test_a_full_disk_of_the_log_does_not_end_the_stage(tmp_path: Path) -> None:
    """The stage may be in the middle of a change of the cloud."""
    (tmp_path / "up-a.log").symlink_to("/dev/full")
    out = io.StringIO()
    Stages(tmp_path, out).run([stage("a", "echo one; echo two"), stage("then", "echo x")])
    shown = out.getvalue()
    assert "one\ntwo\n" in shown
    assert f"== a: its log {tmp_path}/up-a.log is incomplete: No space left on device" in shown
    assert "== then: done in 0 s" in shown


def test_an_error_of_this_program_is_no_success(tmp_path: Path) -> None:
    missing = Stage("b", "no program", "", ["/no/such/program"])
    with pytest.raises(SystemExit, match=r"up: .*/no/such/program"):
        Stages(tmp_path, io.StringIO()).run([stage("a", "true"), missing])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_all_stages(tmp_path: Path, number: signal.Signals) -> None:
    program = f"""
        from pathlib import Path
        from scripts.stages import Stage, Stages
        endless = ["bash", "-c", {ENDLESS!r}]
        lanes = [[Stage(name, "", "", endless)] for name in ("a", "b")]
        Stages(Path({str(tmp_path)!r})).run(*lanes)
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    begun = 0
    for line in process.stdout:
        begun += "begun" in line
        if begun == 2:
            break
    process.send_signal(number)
    rest, errors = process.communicate(timeout=60)
    assert rest.count("cleaned up") == 2
    assert process.returncode == 128 + number
    assert errors == "up: interrupted; make up continues where it stopped\n"


def test_a_terminal_shows_how_far_each_stage_is(tmp_path: Path) -> None:
    out = Terminal()
    asked = tmp_path / "asked"

    def progress() -> str:
        asked.touch()
        return "3 of 5 packages"

    (tmp_path / "up-durations.log").write_text("go 240\n")
    wait = f"until [[ -e {asked} ]]; do sleep 0.05; done"
    Stages(tmp_path, out).run([Stage("go", "Go", "", ["bash", "-c", wait], progress)])
    assert re.search(r"\r\x1b\[Kgo \d+ of about 240 s, 3 of 5 packages", out.getvalue())
    assert "\r\x1b[K== go: Go (last time 240 s)\n" in out.getvalue()


def test_only_a_stage_with_work_to_do_is_an_estimate(tmp_path: Path) -> None:
    durations = Durations(tmp_path / "up-durations.log")
    assert durations.read() == {}
    durations.record("lab", 160)
    durations.record("toolchain", 240)
    durations.record("lab", 4)
    assert durations.read() == {"lab": 160, "toolchain": 240}
    durations.file.write_text("lab\nvenv 28\n")
    assert durations.read() == {"venv": 28}


def test_lab_and_toolchain_are_made_side_by_side_if_the_memory_is_enough() -> None:
    names = [[s.name for s in lane] for lane in bring_up.lanes(lab=True, memory=bring_up.MEMORY_FOR_BOTH)]
    assert names == [["venv", "lab"], ["toolchain"]]
    assert [[s.name for s in lane] for lane in bring_up.lanes(lab=True, memory=8)] == [
        ["venv", "toolchain", "lab"]
    ]
    assert [s.name for lane in bring_up.lanes(lab=False, memory=64) for s in lane] == ["venv", "toolchain"]
    assert bring_up.available_memory("MemFree: 1 kB\nMemAvailable:   12582912 kB\n") == 12
    assert bring_up.available_memory("") == 0


def test_go_s_own_log_says_how_many_packages_are_compiled(tmp_path: Path) -> None:
    log, packages = tmp_path / "go.log", tmp_path / "packages"
    assert bring_up.compiled(log, packages) == ""
    log.write_text("go: downloading example.com/a v1.0.0\nexample.com/a\n# example.com/a\n")
    assert bring_up.compiled(log, packages) == ""
    packages.write_text("1900\n")
    assert bring_up.compiled(log, packages) == "1 of at most 1900 packages compiled"
