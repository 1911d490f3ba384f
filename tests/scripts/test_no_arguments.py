"""A script without arguments refuses any before it does anything: `scripts/down --help` removed the deployment."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COMMANDS = sorted(
    file
    for folder in ("scripts", ".ci", "toolchain", "lab")
    for file in (ROOT / folder).iterdir()
    if file.is_file() and os.access(file, os.X_OK) and "bash" in file.read_text().splitlines()[0]
)
READS_ITS_ARGUMENTS = re.compile(r'"\$@"|\$\{?[1#]|for a;')
REFUSES = [file for file in COMMANDS if re.search(r"refuse_arguments|takes no arguments", file.read_text())]


@pytest.mark.parametrize("file", COMMANDS, ids=lambda file: str(file.relative_to(ROOT)))
def test_each_command_reads_its_arguments(file: Path) -> None:
    lines = file.read_text().splitlines()
    # Only the script's own lines, not those of a function or of an awk program.
    own = [line for line in lines if not line.startswith((" ", "\t", "#")) and "() {" not in line]
    assert any(READS_ITS_ARGUMENTS.search(line) for line in own)


@pytest.mark.parametrize("file", REFUSES, ids=lambda file: str(file.relative_to(ROOT)))
def test_an_argument_is_refused_and_nothing_is_done(tmp_path: Path, file: Path) -> None:
    copy = tmp_path / file.relative_to(ROOT)
    copy.parent.mkdir()
    for one in (file, *file.parent.glob("common.sh"), *file.parent.glob("versions.env")):
        shutil.copy(one, copy.parent)
    before = sorted(tmp_path.rglob("*"))
    done = subprocess.run([copy, "--help"], capture_output=True, text=True, timeout=20, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert re.search(r"nothing was done: it takes no arguments.*: --help\n$", done.stderr)
    assert sorted(tmp_path.rglob("*")) == before


def test_scripts_that_create_or_remove_something_refuse_arguments() -> None:
    assert {"down", "lab-purge", "run", "up"} <= {file.name for file in REFUSES}
