"""Bring up everything on a bare machine: venv, toolchain, lab (stack dev only), program; print the endpoint.

Each stage continues what an earlier run did. After an interruption, run it again. The system's Python runs this,
because .venv is made here.

usage: python -m scripts.bring_up STACK
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from pathlib import Path

from scripts.stages import Stage, Stages

# The lab has about 6 GiB in use when it is ready, the Go compiler and linker up to 3, the rest of the machine its own.
MEMORY_FOR_BOTH = 11  # GiB

STATE = Path(".state").resolve()
GO_LOG = Path(".toolchain/logs/engine-and-plugins.log")
GO_PACKAGES = Path(".toolchain/logs/packages")

VENV = Stage("venv", "Python packages into .venv", "make venv", ["scripts/venv"])
LAB = Stage("lab", "OpenStack on this machine", "make lab-up", ["lab/up"])


def compiled(log: Path = GO_LOG, packages: Path = GO_PACKAGES) -> str:
    """Return how many Go packages are compiled; "" if unknown. Packages in Go's cache count only in the total."""
    try:
        total = int(packages.read_text())
        # Where Go compiles a package, it prints its name: example.com/name
        done = sum(1 for line in log.read_text(errors="replace").splitlines() if re.fullmatch(r"\S+", line))
    except (FileNotFoundError, ValueError):
        return ""  # not begun
    return f"{done} of at most {total} packages compiled"


TOOLCHAIN = Stage(
    "toolchain", "the Pulumi engine and its plugins", "make toolchain", ["toolchain/build"], compiled
)


def available_memory(meminfo: str) -> int:
    """Return MemAvailable of /proc/meminfo's text in GiB."""
    found = re.search(r"^MemAvailable: +(\d+) kB$", meminfo, re.MULTILINE)
    return int(found[1]) // 2**20 if found else 0


def lanes(*, lab: bool, memory: int) -> list[list[Stage]]:
    """Return the stages before the program, as lanes that run side by side, with `memory` GiB available.

    The lab follows .venv, because both may install Debian packages, and apt allows only one installation at a time.
    """
    if memory < MEMORY_FOR_BOTH:
        return [[VENV, TOOLCHAIN, *([LAB] if lab else [])]]
    return [[VENV, *([LAB] if lab else [])], [TOOLCHAIN]]


def main(stack: str) -> None:
    began = time.monotonic()
    stages = Stages(STATE)
    stages.run(*lanes(lab=stack == "dev", memory=available_memory(Path("/proc/meminfo").read_text())))
    program = ["scripts/pulumi", "up", "--yes", "--skip-preview", "--non-interactive"]
    remedy = "what the lines above say, then make up, which continues where it stopped"
    stages.run([Stage("program", f"Congress on stack {stack}", remedy, program)])
    output = subprocess.run(
        ["scripts/pulumi", "stack", "output", "--json"], stdout=subprocess.PIPE, check=False
    )
    if output.returncode:
        sys.exit(output.returncode)
    steps = [".venv/bin/python", "-m", "scripts.next_steps", f".state/{stack}"]
    shown = subprocess.run(steps, input=output.stdout, check=False)
    if shown.returncode:
        sys.exit(shown.returncode)
    print(f"Everything took {time.monotonic() - began:.0f} s.")


if __name__ == "__main__":
    main(sys.argv[1])
