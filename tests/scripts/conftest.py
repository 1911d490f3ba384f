from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.scripts.checkout import FAKE_PULUMI, OUTPUTS, ROOT, Checkout


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    root = tmp_path / "checkout"
    shutil.copytree(ROOT / "scripts", root / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("Makefile", "requirements.txt", "requirements-dev.txt"):
        shutil.copy(ROOT / name, root / name)
    (root / ".venv").symlink_to(ROOT / ".venv")
    (root / "Pulumi.yaml").write_text("name: congress-ha\nruntime: python\n")
    (root / "Pulumi.dev.yaml").write_text("config:\n  congress-ha:auth: noauth\n")
    made = Checkout(root, tmp_path / "calls.jsonl", tmp_path / "lab-state")
    fake = root / "fake" / "pulumi"
    fake.parent.mkdir()
    stacks = str(root / ".state/pulumi/.pulumi/stacks/congress-ha")
    python = ROOT / ".venv/bin/python"
    fake.write_text(FAKE_PULUMI.format(python=python, log=str(made.log), outputs=OUTPUTS, stacks=stacks))
    fake.chmod(0o755)
    made.script("toolchain/env", f"PATH={fake.parent}:$PATH")
    made.script("toolchain/build", "echo toolchain built")
    made.script("lab/up", "echo lab up")
    made.script("lab/purge", "echo lab purged")
    return made
