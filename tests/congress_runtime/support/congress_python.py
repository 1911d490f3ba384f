"""Runs scripts of this folder in Congress's virtual environment, with this repository's modules."""

from __future__ import annotations

from pathlib import Path

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
