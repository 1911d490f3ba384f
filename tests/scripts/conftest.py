from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.scripts.support.checkout import FAKE_PULUMI, OUTPUTS, ROOT, Checkout


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    root = tmp_path / "checkout"
    for folder in ("scripts", "ops", "components", "policy_code", "roles", "image"):
        shutil.copytree(ROOT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("Makefile", "pyproject.toml", "requirements.txt", "requirements-dev.txt"):
        shutil.copy(ROOT / name, root / name)
    (root / "lab").mkdir()
    shutil.copy(ROOT / "lab/lab.env", root / "lab/lab.env")
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
    # The check of the cloud after a destroy.
    (root / "ops/stack/leftovers.py").write_text(
        "import os, sys\ndef main(): sys.exit(os.environ.get('LEFT'))\nif __name__ == '__main__': main()\n"
    )
    return made


class _Keystone(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(300)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Keep the test's output clean."""


@pytest.fixture
def keystone() -> Iterator[HTTPServer]:
    server = HTTPServer(("127.0.0.1", 0), _Keystone)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()
