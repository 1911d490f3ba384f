"""The programs that judge rendered files, and a private place to run them in."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NoReturn

import pytest

from components.foundation.template import ROOT

CONGRESS_PYTHON = ROOT / ".judges/congress/bin/python"
SDIST = ROOT / ".judges/sdist"

# Mounts "$1" on "$2" and so on up to --; lays "$1" over "$2" and so on up to the next --; gives the loopback the
# addresses up to the next --; runs the rest.
# `ip` is asked only for what it must do: without a network namespace of its own there is no address.
ENTER = """
set -e
while [ "$1" != -- ]; do mount --bind "$1" "$2"; shift 2; done
shift
while [ "$1" != -- ]; do mount -t overlay overlay -o "lowerdir=$1:$2" "$2"; shift 2; done
shift
ip link set lo up
while [ "$1" != -- ]; do ip address add "$1/32" dev lo; shift; done
shift
exec "$@"
"""


def missing(reason: str) -> NoReturn:
    """Skip for want of a judge; in CI, where every judge must speak, fail."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{reason} (CI=true: no judge may be missing)")
    pytest.skip(reason)


def program(name: str) -> str:
    """Path of an installed judge; administrators' programs may stand outside an ordinary user's PATH."""
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    return found or missing(f"{name} is not installed; `make judges` installs it (as root, on Debian)")


def congress_python() -> str:
    if not CONGRESS_PYTHON.exists():
        missing("no virtual environment with Congress; `make judges` makes it")
    return str(CONGRESS_PYTHON)


def run(
    *argv: str | Path,
    stdin: str | bytes = b"",
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    deadline: float = 60,
) -> subprocess.CompletedProcess[str]:
    """Run to the end; both streams as text, `env` on top of this process's own. Takes any exit status."""
    done = subprocess.run(
        [str(word) for word in argv],
        input=stdin.encode() if isinstance(stdin, str) else stdin,
        env={**os.environ, **(env or {})},
        cwd=cwd,
        capture_output=True,
        timeout=deadline,
        check=False,
    )
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


@lru_cache(maxsize=1)
def _unshare() -> tuple[str, ...] | None:
    words = ("unshare", "--mount", "--net", *(() if os.geteuid() == 0 else ("--map-root-user",)))
    works = shutil.which("unshare") and subprocess.run([*words, "true"], capture_output=True, check=False)
    return words if works and works.returncode == 0 else None


def private(
    argv: Sequence[str | Path],
    mounts: Mapping[str, Path],
    addresses: Sequence[str] = (),
    overlays: Mapping[str, Path] | None = None,
) -> tuple[str, ...]:
    """Command line that runs `argv` where `mounts` (path -> folder of the test) hide this machine's own.

    What is in the folders of `overlays` lies over what this machine has there. It has a network of its own, whose
    loopback has `addresses`. Nothing outside sees any of it.
    """
    words = _unshare() or missing("this machine allows no mount and network namespaces (unshare)")
    pairs = [part for path, source in mounts.items() for part in (str(source), path)]
    layers = [part for path, source in (overlays or {}).items() for part in (str(source), path)]
    inner = [*pairs, "--", *layers, "--", *addresses, "--", *(str(word) for word in argv)]
    return (*words, "bash", "-c", ENTER, "bash", *inner)


@lru_cache(maxsize=1)
def ocf_agent() -> Path:
    """Congress's own agent out of its source distribution, fetched once into .judges by the pin of files/."""
    agent = SDIST / "openstack-congress-11.0.0/scripts/ocf/congress-datasource"
    if not agent.exists():
        pip: list[str | Path] = [ROOT / ".venv/bin/python", "-m", "pip", "--python", congress_python()]
        options = ["--no-deps", "--no-binary", ":all:", "--no-build-isolation", "--require-hashes"]
        pins: list[str | Path] = ["-r", ROOT / "files/congress/sdist.txt", "-d", SDIST]
        got = run(*pip, "download", "-q", "--disable-pip-version-check", *options, *pins, deadline=100)
        if got.returncode:
            missing(f"Congress's source distribution could not be fetched: {got.stderr.strip()[-300:]}")
        (archive,) = SDIST.glob("openstack?congress-*.tar.gz")
        run("tar", "-xzf", archive, "-C", SDIST)
    checked = run("sha256sum", "-c", ROOT / "files/congress/congress-datasource.sha256", cwd=SDIST)
    assert checked.returncode == 0, checked.stdout
    return agent
