"""toolchain/build with a stand-in for Go: its log, its progress and its errors."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

FAKE_GO = """#!/bin/bash
case "$*" in
"env GOVERSION") echo go1.99.0 ;;
"env GOPROXY") echo https://proxy.example ;;
"list -m"*) echo "$SDK" ;;
"list -deps"*) printf '%s\\n' fmt example.com/a example.com/timeout ;;
build*)
  printf '%s\\n' 'go: downloading example.com/a v1.0.0' example.com/a example.com/timeout >&2
  if [[ -n $GO_ERROR ]]; then printf '%s\\n' "$GO_ERROR" >&2; exit 1; fi
  while (($#)); do
    case $1 in
    -o) out=$2; shift ;;
    -*) ;;
    build) ;;
    *) touch "$out/${1##*/}" && chmod +x "$out/${1##*/}" ;;
    esac
    shift
  done ;;
*) echo "unexpected: go $*" >&2; exit 9 ;;
esac
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "toolchain", tmp_path / "toolchain")
    fake = tmp_path / "fake/go"
    fake.parent.mkdir()
    fake.write_text(FAKE_GO)
    fake.chmod(0o755)
    for script in ("python/cmd/pulumi-language-python-exec", "python/dist/pulumi-resource-pulumi-python"):
        file = tmp_path / "sdk" / script
        file.parent.mkdir(parents=True)
        file.write_text("")
    return tmp_path


def build(checkout: Path, error: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["toolchain/build"],
        cwd=checkout,
        env={"PATH": f"{checkout}/fake:/usr/bin:/bin", "SDK": f"{checkout}/sdk", "GO_ERROR": error},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_log_and_the_number_of_packages_show_how_far_a_build_is(checkout: Path) -> None:
    done = build(checkout)
    assert done.returncode == 0, done.stderr
    logs = checkout / ".toolchain/logs"
    assert (logs / "packages").read_text().strip() == "3"
    assert "example.com/a\n" in (logs / "engine-and-plugins.log").read_text()
    again = build(checkout)
    assert again.stdout.startswith("toolchain: up to date")


def test_the_name_of_a_package_is_no_error(checkout: Path) -> None:
    """A package whose name has the word timeout was compiled before the build failed by something else."""
    done = build(checkout, error="example.com/a/a.go:1:1: syntax error")
    assert done.returncode == 1
    assert "cannot be fetched" not in done.stderr
    assert done.stderr.splitlines()[0] == "example.com/a/a.go:1:1: syntax error"


def test_a_module_that_cannot_be_fetched_is_named(checkout: Path) -> None:
    done = build(checkout, error="go: example.com/a@v1.0.0: reading https://proxy.example/a: 403 Forbidden")
    assert done.returncode == 1
    assert "a Go module cannot be fetched: example.com/a@v1.0.0: reading" in done.stderr.splitlines()[0]
