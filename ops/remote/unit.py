"""Sent to a policy engine's host: a unit's state and its processor use while the other probes run.

usage: unit.py UNIT SECONDS: prints the lines of `systemctl show`, and CPUShare=, the cores that the main process used
on average over SECONDS. That line is missing if the process did not run all the time.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path

PROPERTIES = "ActiveState,SubState,NRestarts,MainPID"


def cpu_seconds(pid: int) -> float:
    """User and system time of all threads, in seconds. Raises OSError if the process is gone."""
    # The second field is the program's name in brackets, which may contain blanks.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def share(pid: int, seconds: float) -> float:
    began, used = time.monotonic(), cpu_seconds(pid)
    time.sleep(seconds)
    return (cpu_seconds(pid) - used) / (time.monotonic() - began)


def main(unit: str, seconds: float) -> int:
    shown = subprocess.run(
        ["systemctl", "show", unit, "-p", PROPERTIES], capture_output=True, text=True, check=False
    )
    print(shown.stdout, end="")
    print(shown.stderr, end="", file=sys.stderr)
    properties = dict(line.split("=", 1) for line in shown.stdout.splitlines())
    if pid := int(properties.get("MainPID", "0")):
        # The process may end meanwhile; the next run shows it.
        with contextlib.suppress(OSError):
            print(f"CPUShare={share(pid, seconds):.2f}")
    return shown.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], float(sys.argv[2])))
