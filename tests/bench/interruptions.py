"""Interrupts `up` and `destroy` of stack dev at random moments, and audits the result of the next run.

Begins with an uninterrupted `up` if nothing is deployed, and ends with a complete deployment. Stops at the first
interruption whose result differs from that of an uninterrupted run.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer

from tests.acceptance.support.deployment import Deployment, lab_cloud
from tests.acceptance.support.interruptions import Laboratory, plan


def main(
    count: Annotated[int, typer.Option(min=1, help="How many interruptions.")] = 10,
    seed: Annotated[int, typer.Option(help="The same seed gives the same interruptions.")] = 1,
) -> None:
    """Interrupt, run again, audit."""
    with (
        tempfile.TemporaryDirectory(prefix="congress-ha-interruptions-") as folder,
        lab_cloud("lab") as cloud,
    ):
        deployment = Deployment(Path(folder))
        deployment.up()
        laboratory = Laboratory(deployment, cloud)
        for number, planned in enumerate(plan(seed, count), start=1):
            report(f"{number}. {planned}: ", end="")
            began = time.monotonic()
            try:
                outcome = laboratory.suffer(planned)
            except AssertionError as error:
                sys.exit(f"not survived: {error}\n{laboratory.output_end()}")
            seconds = time.monotonic() - began
            report(
                f"ended with {outcome.code}, the next took {outcome.next:.0f} s; {seconds:.0f} s with its audit"
            )
        deployment.up()
        laboratory.audit()
    print(f"interruptions: {count} interruptions of seed {seed} survived in a row")


def report(text: str, end: str = "\n") -> None:
    print(text, end=end, file=sys.stderr, flush=True)


if __name__ == "__main__":
    typer.run(main)
