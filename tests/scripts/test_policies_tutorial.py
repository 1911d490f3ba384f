"""docs/policies.md: its commands, run as a reader types them, print what it shows."""

from __future__ import annotations

import os
import re
import shlex
import sys
from pathlib import Path

from tests.scripts.support.checkout import ROOT
from tests.support.programs import congress_python, run

TIME = re.compile(r"\(\d+\.\d ms\)")


def steps(text: str) -> list[tuple[str, str]]:
    """Commands with the lines that continue them, and what is shown below."""
    commands: list[tuple[str, str]] = []
    for line in re.findall(r"^ {4}(.*)$", text, re.MULTILINE):
        if line.startswith("$ "):
            commands.append((line[2:], ""))
        elif line.startswith(">"):
            commands[-1] = (f"{commands[-1][0]}\n{line[2:]}", "")
        else:
            commands[-1] = (commands[-1][0], f"{commands[-1][1]}{line}\n")
    return commands


def test_the_tutorial(tmp_path: Path) -> None:
    congress_python()
    command = f"{shlex.quote(sys.executable)} -m ops"
    script = f'congress-ha() {{ PYTHONPATH={shlex.quote(str(ROOT))} {command} "$@" 2>&1; }}\n'
    tutorial = (ROOT / "docs/policies.md").read_text().partition("\n## In a stack\n")[0]
    every = steps(tutorial)
    assert len(every) > 8
    for typed, shown in every:
        done = run(
            "bash", "-c", script + typed, cwd=tmp_path, env={"COLUMNS": "120", "PATH": os.environ["PATH"]}
        )
        assert TIME.sub("(0 ms)", done.stdout) == TIME.sub("(0 ms)", shown), typed
        assert done.stderr == ""
