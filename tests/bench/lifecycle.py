"""Measures a deployment on the running lab: cold `up` by phase, `up` without a change, `preview`, `destroy`.

Prints a table in Markdown: seconds, median and worst of the runs. Each run starts and ends with an empty cloud. The
phases are computed from the engine's event log, which has whole seconds.
"""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

ROOT = Path(__file__).resolve().parents[2]

SERVERS = "up: last server active"
READY = "up: last host ready (cloud-init, SSH)"
PACKAGES = "up: last packages installed"
ACTIVATION = "up: all roles active"
# A phase lasts until its last resource exists; the phases of different hosts overlap.
PHASES = {
    SERVERS: re.compile(r"openstack:compute/instance:Instance::"),
    READY: re.compile(r":Command::.*-ready$"),
    PACKAGES: re.compile(r":Command::.*-(packages|software)$"),
    ACTIVATION: re.compile(r""),  # the rest
}


def phase_ends(events: Iterable[dict[str, Any]]) -> dict[str, float]:
    """Return for each phase the seconds from the engine's start to the creation of its last resource."""
    start: float | None = None
    ends: dict[str, float] = {}
    for event in events:
        start = event["timestamp"] if start is None else start
        made = event.get("resOutputsEvent", {}).get("metadata", {})
        if made.get("op") != "create":
            continue
        phase = next(name for name, pattern in PHASES.items() if pattern.search(made["urn"]))
        ends[phase] = event["timestamp"] - start
    return {name: ends[name] for name in PHASES if name in ends}


def table(runs: list[dict[str, float]]) -> str:
    """Return median and worst of each figure over the runs, in Markdown."""
    lines = [f"| seconds, {len(runs)} runs | median | worst |", "|---|---|---|"]
    for name in runs[0]:
        values = [run[name] for run in runs]
        lines.append(f"| {name} | {statistics.median(values):.1f} | {max(values):.1f} |")
    return "\n".join(lines)


def _timed(log: Path, *arguments: str, **env: str) -> float:
    """Run the Pulumi CLI; return its duration in seconds. Its output goes to the log, and is shown after a failure."""
    print(f"bench: pulumi {' '.join(arguments[:2])} ...", file=sys.stderr, flush=True)
    started = time.perf_counter()
    with log.open("w") as out:
        done = subprocess.run(
            [ROOT / "scripts/pulumi", *arguments, "--non-interactive"],
            cwd=ROOT,
            env=os.environ | env,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            check=False,
            timeout=1800,
        )
    if done.returncode:
        sys.exit(f"{log.read_text()}\nbench: pulumi {arguments[0]} failed; make down removes what is left")
    return time.perf_counter() - started


def _measure(folder: Path) -> dict[str, float]:
    log, events = folder / "log", folder / "events.json"
    run = ("--yes", "--skip-preview")
    cold = _timed(log, "up", *run, "--event-log", str(events), PULUMI_DEBUG_COMMANDS="true")
    phases = phase_ends(json.loads(line) for line in events.read_text().splitlines())
    figures = {
        "cold `up`": cold,
        **phases,
        "`up` without a change": _timed(log, "up", *run, "--expect-no-changes"),
        "`preview`": _timed(log, "preview", "--expect-no-changes"),
        "`destroy`": _timed(log, "destroy", *run),
    }
    _timed(log, "stack", "rm", "--yes")
    return figures


def main(
    runs: Annotated[int, typer.Option(min=1, help="How often to deploy and remove everything.")] = 3,
) -> None:
    if os.environ.get("STACK", "dev") != "dev":
        sys.exit("bench: it deploys and destroys again and again: only on stack dev")
    if list(ROOT.glob(".state/pulumi/.pulumi/stacks/*/dev.json")):
        sys.exit("bench: stack dev is deployed; it starts from an empty cloud: make down first")
    # The event log contains the inputs of every resource.
    with tempfile.TemporaryDirectory(prefix="congress-ha-bench-") as folder:
        figures = [_measure(Path(folder)) for _ in range(runs)]
    print(table(figures))


if __name__ == "__main__":
    typer.run(main)
