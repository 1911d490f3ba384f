"""Hosts whose commands run here."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.hosts import Hosts

FAKE_SSH = """#!/usr/bin/env bash
[ "$3" != lost ] || { echo 'ssh: connect to host 10.0.0.2 port 22: No route to host' >&2; exit 255; }
eval "$4"
"""


@pytest.fixture
def hosts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hosts:
    for name, text in (("ssh", FAKE_SSH), ("sudo", '#!/usr/bin/env bash\nshift; exec "$@"\n')):
        file = tmp_path / "bin" / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
        file.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=":")
    return Hosts(tmp_path)
