"""ops/remote/unit.py with processes that work, wait, or have ended."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ops.remote import REMOTE

WORKS, WAITS = "while True: pass", "import time; time.sleep(60)"


@contextmanager
def process(does: str) -> Iterator[int]:
    with subprocess.Popen([sys.executable, "-c", does]) as started:
        try:
            yield started.pid
        finally:
            started.kill()


def share(folder: Path, monkeypatch: pytest.MonkeyPatch, pid: int) -> float | None:
    """The script's output for a unit with that main process."""
    fake = folder / "systemctl"
    fake.write_text(f"#!/bin/sh\nprintf 'MainPID={pid}\\nActiveState=active\\nSubState=running\\n'\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    argv = [sys.executable, "-", "some.service", "0.5"]
    text = (REMOTE / "unit.py").read_text()
    done = subprocess.run(argv, input=text, capture_output=True, text=True, timeout=30, check=True)
    properties = dict(line.split("=") for line in done.stdout.splitlines())
    assert properties["ActiveState"] == "active"
    return float(properties["CPUShare"]) if "CPUShare" in properties else None


def test_a_process_that_works_uses_more_than_one_that_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with process(WORKS) as works, process(WAITS) as waits:
        busy, idle = share(tmp_path, monkeypatch, works), share(tmp_path, monkeypatch, waits)
    assert busy is not None
    assert idle is not None
    assert busy > 3 * idle


def test_a_process_that_ended_has_no_cpu_share(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with process(WAITS) as pid:
        pass
    assert share(tmp_path, monkeypatch, pid) is None
    assert share(tmp_path, monkeypatch, 0) is None
