"""Which processes count as dead in the list of the pair's datasource nodes."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.acceptance.support import node_processes

STAT = "7 (congress-server) {state} 1 7 7 0 -1 {flags} 0 0 0 0"
STATUS = "Name:\tcongress-server\nSigPnd:\t{own}\nShdPnd:\t{shared}\n"
NONE, KILL, TERM = (
    f"{1 << (number - 1) if number else 0:016x}" for number in (0, signal.SIGKILL, signal.SIGTERM)
)


@pytest.mark.parametrize(
    ("own", "shared", "flags", "killed"),
    [
        (NONE, NONE, 0x400000, False),
        (TERM, TERM, 0x400000, False),
        (KILL, NONE, 0x400000, True),
        (NONE, KILL, 0x400000, True),
        (NONE, NONE, 0x400004, True),
    ],
)
def test_one_that_sigkill_waits_for_or_that_is_ending(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: str, shared: str, flags: int, *, killed: bool
) -> None:
    monkeypatch.setattr(node_processes, "PROC", tmp_path)
    (tmp_path / "7").mkdir()
    (tmp_path / "7/status").write_text(STATUS.format(own=own, shared=shared))
    (tmp_path / "7/stat").write_text(STAT.format(state="R", flags=flags))
    assert node_processes.killed(7) is killed


def test_this_one_lives() -> None:
    assert not node_processes.killed(os.getpid())
