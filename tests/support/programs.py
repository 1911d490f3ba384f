"""Runs programs: the validators, which read rendered files, where needed in namespaces of their own."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, NoReturn

import pytest

from components.foundation.template import ROOT

CONGRESS_PYTHON = ROOT / ".validators/congress/bin/python"
SDIST = ROOT / ".validators/sdist"

# Arguments: pairs to bind-mount (source, target), "--", pairs to overlay (source, target), "--", addresses for the
# loopback interface, "--", the command.
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
    """Skip the test because a validator is missing; in CI, fail."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{reason} (CI=true: no validator may be missing)")
    pytest.skip(reason)


def program(name: str) -> str:
    """The path of an installed validator. Those in sbin are found even if the user's PATH lacks it."""
    path = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    return path or missing(f"{name} is not installed; `make validators` installs it (as root, on Debian)")


def congress_python() -> str:
    if not CONGRESS_PYTHON.exists():
        missing("no virtual environment with Congress; `make validators` creates it")
    return str(CONGRESS_PYTHON)


def run(
    *argv: str | Path,
    stdin: str | bytes = b"",
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    deadline: float = 60,
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end; both streams are text. `env` extends the environment. Any exit status is accepted."""
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


@contextmanager
def running(argv: Sequence[Any], log: Path, **more: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program while the context lasts; its output goes to the end of `log`. `more` extends the environment."""
    with log.open("ab") as said:
        process = subprocess.Popen(argv, stdout=said, stderr=said, env={**os.environ, **more})
    try:
        yield process
    finally:
        process.terminate()
        process.wait(20)


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
    """A command line that runs `argv` in its own mount and network namespaces.

    `mounts` (path -> folder of the test) replace folders of this machine; the folders of `overlays` are laid over
    them. The loopback interface has `addresses`. Nothing of this is visible outside.
    """
    words = _unshare() or missing("this machine allows no mount and network namespaces (unshare)")
    pairs = [part for path, source in mounts.items() for part in (str(source), path)]
    layers = [part for path, source in (overlays or {}).items() for part in (str(source), path)]
    inner = [*pairs, "--", *layers, "--", *addresses, "--", *(str(word) for word in argv)]
    return (*words, "bash", "-c", ENTER, "bash", *inner)


@lru_cache(maxsize=1)
def ocf_agent() -> Path:
    """Congress's own resource agent. Its pinned source distribution is downloaded once, into .validators."""
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
