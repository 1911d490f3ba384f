"""The cost of rows for an engine and a datasource node, upstream and ours, as the table in docs/figures.md.

python -m tests.bench.rows_bench [ROWS...]       (100 10000 100000, about two minutes)
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.congress_runtime.support.congress_python import ENVIRONMENT
from tests.support.programs import congress_python

SIZES = ("100", "10000", "100000")
LIMIT = 600.0


def cost(which: str, size: str) -> dict[str, float]:
    command = [congress_python(), str(Path(__file__).with_name("rows_cost.py")), which, size]
    done = subprocess.run(command, env=ENVIRONMENT, check=True, capture_output=True, text=True, timeout=LIMIT)
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def main(sizes: tuple[str, ...]) -> None:
    costs = {(which, size): cost(which, size) for size in sizes for which in ("upstream", "ours")}
    print("| rows |" + "".join(f" {size} |" for size in sizes))
    print("|---|" + "---|" * len(sizes))
    for what in costs["ours", sizes[0]]:
        cells = (f"{costs['upstream', size][what]:.3g} / {costs['ours', size][what]:.3g}" for size in sizes)
        print(f"| {what} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main(tuple(sys.argv[1:]) or SIZES)
