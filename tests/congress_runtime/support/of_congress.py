"""Scripts that are run by the judges' Congress, with this project's own modules beside it."""

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


def printed(script: str, *words: str | Path) -> str:
    """Standard output of a script of this folder, which has to succeed."""
    done = run(congress_python(), Path(__file__).with_name(script), *words, env=ENVIRONMENT)
    assert done.returncode == 0, done.stderr
    return done.stdout
