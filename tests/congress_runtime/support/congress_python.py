"""Runs scripts of this folder in Congress's virtual environment, with this repository's modules."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from components.foundation.template import ROOT
from tests.support.programs import congress_python, run

ENVIRONMENT = {
    "PYTHONPATH": str(ROOT),
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONWARNINGS": "ignore",
    "no_proxy": "127.0.0.1",
}


def run_script(script: str, *words: str | Path) -> str:
    """Run a script of this folder, which must succeed, and return its standard output."""
    done = run(congress_python(), Path(__file__).with_name(script), *words, env=ENVIRONMENT)
    assert done.returncode == 0, done.stderr
    return done.stdout


class AnsweringScript:
    """A script of this folder that answers each line of its standard input with a line; both are JSON."""

    def __init__(self, script: str, *words: str) -> None:
        self.errors = tempfile.TemporaryFile()  # noqa: SIM115  closed by `end`
        self.process = subprocess.Popen(
            [congress_python(), Path(__file__).with_name(script), *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
            env={**os.environ, **ENVIRONMENT},
        )

    def __call__(self, question: Any) -> Any:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            self.errors.seek(0)
            raise AssertionError(f"the script has ended: {self.errors.read().decode()[-4000:]}")
        return json.loads(answer)

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()
        self.errors.close()
