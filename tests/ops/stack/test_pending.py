"""The command prints a refusal in two lines, and sets its exit code."""

from __future__ import annotations

from dataclasses import replace

import pytest
from typer import Typer
from typer.testing import CliRunner

from ops.stack.pending import main
from tests.ops.support.fake_pulumi import (
    OURS,
    PROTECTED,
    SKIP,
    simulation,
)


@pytest.mark.parametrize("options", [[], ["--check-only"]])
def test_the_command_says_it_in_two_lines(monkeypatch: pytest.MonkeyPatch, options: list[str]) -> None:
    at = simulation(replace(PROTECTED, scope=OURS), servers=[])
    monkeypatch.setattr("ops.stack.pending.Pulumi", lambda *_: at.pulumi)
    monkeypatch.setattr("ops.stack.pending.connect", lambda _: at.cloud)
    app = Typer()
    app.command()(main)
    result = CliRunner().invoke(app, options)
    assert result.exit_code == 1
    first, second = result.output.splitlines()
    assert first.startswith("pending: all servers of the stack are gone from project project")
    assert second == "pending: nothing was changed"
    result = CliRunner().invoke(app, options, env={"GONE": "congress-dev-database"})
    assert result.exit_code == 0, result.output
    assert at.pulumi.done == ([] if options else [SKIP])
