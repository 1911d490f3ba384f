from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STAGES = ["lab-purge", "test", "lint", "test-toolchain", "acceptance", "lab-purge"]


@pytest.fixture
def ci(tmp_path: Path) -> Path:
    """Copy .ci/run beside a make that records its targets; the target in $BREAK fails, that in $HANG hangs."""
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci/run", tmp_path / ".ci/run")
    make = tmp_path / "bin/make"
    make.parent.mkdir()
    make.write_text(
        '#!/bin/bash\necho "$1 CI=$CI" >>calls\n'
        'if [[ $1 == "$HANG" ]]; then exec sleep 60; fi\n[[ $1 != "$BREAK" ]]\n'
    )
    make.chmod(0o755)
    return tmp_path


def _env(ci: Path, **more: str) -> dict[str, str]:
    return {"PATH": f"{ci}/bin:{os.environ['PATH']}"} | more


def _stages(ci: Path) -> list[str]:
    calls = (ci / "calls").read_text().splitlines()
    assert all(call.endswith(" CI=true") for call in calls)
    return [call.split()[0] for call in calls]


def _run(ci: Path, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [ci / ".ci/run"], env=_env(ci, **env), capture_output=True, text=True, timeout=30, check=False
    )


def test_all_stages_in_order_with_their_times(ci: Path) -> None:
    done = _run(ci)
    assert done.returncode == 0, done.stderr
    assert _stages(ci) == STAGES
    table = done.stdout.split("##### total")[1]
    assert [line.split()[0] for line in table.splitlines()[1:]] == STAGES


@pytest.mark.parametrize("broken", ["test", "lint", "test-toolchain", "acceptance"])
def test_one_failure_fails_the_run_and_the_lab_is_purged(ci: Path, broken: str) -> None:
    done = _run(ci, BREAK=broken)
    assert done.returncode == 1
    assert done.stdout.endswith(f"failed: {broken}\n")
    expected = STAGES if broken == "acceptance" else [*STAGES[:4], "lab-purge"]
    assert _stages(ci) == expected


def test_a_lab_that_stays_fails_the_run(ci: Path) -> None:
    done = _run(ci, BREAK="lab-purge")
    assert done.returncode == 1
    assert _stages(ci) == ["lab-purge", "lab-purge"]


def test_a_run_that_is_told_to_stop_purges_the_lab(ci: Path) -> None:
    with subprocess.Popen(
        [ci / ".ci/run"], env=_env(ci, HANG="acceptance"), stdout=subprocess.DEVNULL, start_new_session=True
    ) as process:
        deadline = time.monotonic() + 20
        while not ((ci / "calls").exists() and "acceptance" in (ci / "calls").read_text()):
            assert time.monotonic() < deadline, "never came to the acceptance tests"
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGTERM)
        assert process.wait(20) == 143
    assert _stages(ci) == STAGES
