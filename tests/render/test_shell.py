"""Every step as the whole script that a host gets: bash parses it, and shellcheck finds nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from components.foundation.template import END_MARKER, ROOT, render_step
from tests.render.support.cases import Case, Validator, cases
from tests.support.programs import program, run

# The excluded checks of shellcheck for these scripts, with reasons. Nothing else is excluded.
EXCLUDED = {
    "SC2016": "single quotes around a $ are meant: a value from the settings, quoted by the filter sh",
}


@pytest.mark.parametrize("case", cases(Validator.BASH), ids=str)
def test_step_is_sound(case: Case, tmp_path: Path) -> None:
    text = render_step(case.template, case.context)
    assert text.splitlines()[-1] == END_MARKER
    script = tmp_path / "step"
    script.write_text(text)
    syntax = run("bash", "-n", script)
    assert (syntax.returncode, syntax.stderr) == (0, "")
    options = [
        "--shell=bash",
        "--norc",
        "--severity=style",
        "--format=json",
        f"--exclude={','.join(EXCLUDED)}",
    ]
    checked = run(program("shellcheck"), *options, script)
    assert [
        f"{warning['line']}: SC{warning['code']}: {warning['message']}"
        for warning in json.loads(checked.stdout)
    ] == []


def test_runner_is_sound() -> None:
    checked = run(program("shellcheck"), "--norc", "--severity=style", ROOT / "files/host/congress-ha-step")
    assert checked.stdout == ""


def test_an_unsound_step_is_found(tmp_path: Path) -> None:
    """The validator itself finds a value that reached a script without the filter sh."""
    script = tmp_path / "step"
    script.write_text("rm -rf $HOME/$UNSET x\n")
    assert run(program("shellcheck"), "--shell=bash", "--norc", "--exclude=SC2016", script).returncode == 1
