"""Messages of a command whose terminal is lost."""

from __future__ import annotations

import os
import signal
from typing import Never

import pytest
import typer

from ops.common.progress import Progress, stage


def test_a_lost_terminal_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise the rollback of a restore would end with its first message."""

    def hung_up(_: str) -> Never:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(typer, "echo", hung_up)
    progress = Progress("restore")
    with progress.guarded(), stage("load", "a dump"):
        os.kill(os.getpid(), signal.SIGHUP)
        progress.say("restoring the previous state")
    assert progress.interrupt_requested
