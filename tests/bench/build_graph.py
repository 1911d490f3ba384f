"""What the toolchain's build compiles: seconds by module, from an empty Go build cache. Needs Go and the modules.

usage: python -m tests.bench.build_graph [--folder FOLDER]      FOLDER keeps cache, binaries and Go's action graph
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]

BUILD = """
source toolchain/common.sh; go_build_environment; cd toolchain
engine=github.com/pulumi/pulumi/pkg/v3/cmd/pulumi
GOCACHE=$1/cache go build -debug-actiongraph="$1/graph.json" -ldflags="$engine=-s -w" -o "$1/bin/" \\
  "$engine" ./plugins/{openstack,command,random,tls}
"""


def module(package: str) -> str:
    """Return the part of a package's name that names its module well enough for a table."""
    words = package.split("/")
    if "." not in words[0]:
        return "Go's own"
    # The services of a cloud's SDK differ most.
    return "/".join(words[: 6 if "/service/" in package else 3])


def seconds_by_module(actions: list[dict[str, Any]]) -> Counter[tuple[str, str]]:
    """Return seconds of processor time by (kind of work, module); Go counts nanoseconds."""
    seconds: Counter[tuple[str, str]] = Counter()
    for action in actions:
        spent = (action.get("CmdUser", 0) + action.get("CmdSys", 0)) / 1e9
        if spent:
            seconds[action["Mode"], module(action.get("Package", ""))] += spent
    return seconds


def main(folder: Path) -> None:
    (folder / "bin").mkdir(parents=True, exist_ok=True)
    subprocess.run(["bash", "-euc", BUILD, "build", str(folder)], cwd=ROOT, check=True)
    actions = json.loads((folder / "graph.json").read_text())
    seconds = seconds_by_module(actions)
    print(f"{sum(seconds.values()):.0f} s of processor time\n\n| seconds | work | module |\n|---|---|---|")
    for (mode, name), spent in seconds.most_common(40):
        print(f"| {spent:.1f} | {mode} | {name} |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Measure what the toolchain's build compiles.")
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args().folder
    if given:
        main(given.resolve())
    else:
        with tempfile.TemporaryDirectory() as temporary:
            main(Path(temporary))
