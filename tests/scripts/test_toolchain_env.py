"""toolchain/env: the environment of the Pulumi that toolchain/build made."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """A checkout with a built toolchain."""
    shutil.copytree(ROOT / "toolchain", tmp_path / "toolchain")
    (tmp_path / ".toolchain/bin").mkdir(parents=True)
    (tmp_path / ".toolchain/home/plugins").mkdir(parents=True)
    engine = tmp_path / ".toolchain/bin/pulumi"
    engine.write_text("#!/bin/sh\n")
    engine.chmod(0o755)
    return tmp_path


def source(checkout: Path, path: str = "/usr/bin:/bin") -> str:
    """Source the file as scripts/pulumi does; the PULUMI_HOME that it sets."""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", 'source toolchain/env; echo "${PULUMI_HOME:-}"'],
        cwd=checkout,
        env={"PATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def test_the_engine_keeps_no_log_of_each_run(built: Path) -> None:
    home = built / ".toolchain/home"
    (home / "logs").mkdir()
    (home / "logs/pulumi-20261128T180000.log").write_text("an earlier run")
    for _ in range(2):
        assert source(built) == str(home)
        # The engine makes this folder with os.MkdirAll, which fails where a file is.
        with pytest.raises(FileExistsError):
            (home / "logs").mkdir(parents=True, exist_ok=True)


def test_the_home_of_an_official_pulumi_stays_as_it_is(built: Path) -> None:
    pin = next(
        line for line in (ROOT / "toolchain/versions.env").read_text().splitlines() if "PULUMI_" in line
    )
    official = built / "official/pulumi"
    official.parent.mkdir()
    official.write_text(f"#!/bin/sh\necho v{pin.partition('=')[2]}\n")
    official.chmod(0o755)
    logs = built / ".toolchain/home/logs"
    logs.mkdir()
    assert source(built, f"{official.parent}:/usr/bin:/bin") == ""
    assert logs.is_dir()
