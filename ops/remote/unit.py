"""Sent to a policy engine's host: a unit's state, and how much its process works while other questions are asked.

usage: unit.py UNIT SECONDS: prints `systemctl show`'s lines, and CPUShare=, cores that its main process used on the
average of so many seconds; no such line where no process ran through them.
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
    """All threads' time in user and system mode. Raises OSError when the process is gone."""
    # The second field is the program's name in brackets, in which there may be blanks.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def share(pid: int, seconds: float) -> float:
    began, used = time.monotonic(), cpu_seconds(pid)
    time.sleep(seconds)
    return (cpu_seconds(pid) - used) / (time.monotonic() - began)


def main(unit: str, seconds: float) -> int:
    asked = subprocess.run(
        ["systemctl", "show", unit, "-p", PROPERTIES], capture_output=True, text=True, check=False
    )
    print(asked.stdout, end="")
    print(asked.stderr, end="", file=sys.stderr)
    known = dict(line.split("=", 1) for line in asked.stdout.splitlines())
    if pid := int(known.get("MainPID", "0")):
        # It may end meanwhile, which the next look tells.
        with contextlib.suppress(OSError):
            print(f"CPUShare={share(pid, seconds):.2f}")
    return asked.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], float(sys.argv[2])))
