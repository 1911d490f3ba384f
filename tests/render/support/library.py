"""Runs templates/step/functions.sh and lib.sh with its own state folder and with fakes of system programs on PATH."""

from __future__ import annotations

import getpass
import grp
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from components.foundation.template import ROOT
from tests.support.programs import run

ME = f"{getpass.getuser()}:{grp.getgrgid(os.getgid()).gr_name}"
STATE = "STATE=/var/lib/congress-ha\n"
POLICY = "POLICY=/usr/sbin/policy-rc.d\n"

# Records its arguments, then runs what the test wrote into <name>.does.
FAKE = """#!/bin/bash
echo "$(basename "$0") $*" >> {folder}/calls
source {folder}/"$(basename "$0").does"
"""


def put(file: Path, content: str, owner: str = ME, mode: str = "0640") -> str:
    """Shell code that writes `content` and a line end to a file."""
    return f"put_file {file} {owner} {mode} <<'END'\n{content}\nEND\n"


@dataclass(frozen=True)
class Library:
    """A simulated host: `folder` has its state, the fakes, and the record of their calls."""

    folder: Path

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @property
    def record(self) -> list[list[str]] | None:
        """The record of the last step; None if there is none."""
        file = self.state / "steps/one"
        return [line.split("\t") for line in file.read_text().splitlines()] if file.exists() else None

    @property
    def policy(self) -> Path:
        """Replaces Debian's policy-rc.d."""
        return self.folder / "policy-rc.d"

    @property
    def calls(self) -> list[str]:
        file = self.folder / "calls"
        return file.read_text().splitlines() if file.exists() else []

    def forget_calls(self) -> None:
        (self.folder / "calls").unlink(missing_ok=True)

    def fake(self, name: str, does: str = "") -> None:
        """Put a program `name` on PATH that runs the bash text `does`."""
        (self.folder / "bin").mkdir(exist_ok=True)
        file = self.folder / "bin" / name
        file.write_text(FAKE.format(folder=self.folder))
        file.chmod(0o755)
        (self.folder / f"{name}.does").write_text(f"{does}\n")

    def script(self, body: str, step: str = "one") -> Path:
        """The library, then `body`."""
        text = "\n".join((ROOT / f"templates/step/{part}.sh").read_text() for part in ("functions", "lib"))
        assert text.count(STATE) == text.count(POLICY) == 1
        text = f"STEP={step}\n" + text.replace(STATE, f"STATE={self.state}\n").replace(
            POLICY, f"POLICY={self.policy}\n"
        )
        script = self.folder / "script"
        script.write_text(f"{text}\n{body}\n")
        return script

    def run(self, body: str, step: str = "one", deadline: float = 60) -> subprocess.CompletedProcess[str]:
        """Run the script as bash runs a step's script."""
        script = self.script(body, step)
        path = f"{self.folder}/bin:{os.environ['PATH']}"
        return run("bash", script, env={"PATH": path}, deadline=deadline)
