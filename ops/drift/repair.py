"""`congress-ha repair`: repairs what `make verify` finds, by the cloud's API and by `pulumi up`, then compares again.

One round may reveal more drift: a host that was off reports about its files only when it runs again.
Exit code 0: nothing differs any more; 1: something does; 2: there is no deployment.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from collections.abc import Set as AbstractSet

import openstack
import typer
from keystoneauth1.exceptions import ClientException
from openstack.exceptions import SDKException

from ops.common.waiting import poll
from ops.drift.hosts import Drift
from ops.drift.verify import Comparison, compare_stack
from ops.health.table import show
from ops.stack.pulumi import work
from ops.stack.reporting import reported_errors

ROUNDS = 3
# Seconds that a started server's host gets until it accepts SSH; after that its silence is a drift.
BOOT, PAUSE = 120, 3


def up_options(drifts: Iterable[Drift]) -> list[str]:
    """Options of the `up` that repairs what the cloud's API did not: each step that must run again, once.

    Pulumi continues after an error with whatever does not depend on the failed step.
    """
    urns = sorted({urn for drift in drifts for urn in drift.steps})
    return ["--refresh", "--continue-on-error", *(word for urn in urns for word in ("--replace", urn))]


def call_cloud(drifts: Iterable[Drift]) -> None:
    """Run the repairs by the cloud's API. What the cloud refuses is printed and remains a drift."""
    with openstack.connect() as cloud:
        for drift in drifts:
            typer.echo(f"repair: {drift.remedy}: {drift.what}")
            try:
                drift.call and drift.call(cloud)
            except (SDKException, ClientException) as error:
                typer.echo(f"repair: the cloud refuses it: {str(error).splitlines()[0]}", err=True)


def up(options: list[str]) -> None:
    """Run `pulumi up` on this terminal, which shows what it does and why it fails."""
    command = ["up", "--yes", "--skip-preview", "--non-interactive", *options]
    typer.echo(f"repair: pulumi {' '.join(command)}")
    if code := work(*command):
        typer.echo(f"repair: pulumi up ended with {code}", err=True)


def compare_when_settled(name: str, silent: AbstractSet[str]) -> Comparison:
    """Compare again once all starting hosts accept SSH. `silent`: hosts that did not answer before either."""
    return poll(BOOT, PAUSE, lambda: compare_stack(name), lambda comparison: not comparison.silent - silent)


def repair_round(name: str, comparison: Comparison) -> Comparison:
    """One round of repairs; returns what differs after it."""
    repairable = [drift for drift in comparison.drifts if not drift.by_hand]
    if by_cloud := [drift for drift in repairable if drift.call]:
        call_cloud(by_cloud)
        # A step that runs again may need a service of another host.
        compare_when_settled(name, comparison.silent)
    if len(by_cloud) < len(repairable):
        up(up_options(repairable))
    return compare_when_settled(name, comparison.silent)


def main() -> None:
    """Repair what differs from what stack $STACK (default: dev) deployed."""
    name = os.environ.get("STACK", "dev")
    with reported_errors("repair"):
        comparison = compare_stack(name)
        show(name, comparison.rows, comparison.findings, comparison.seconds)
        for _ in range(ROUNDS):
            before = set(comparison.findings)
            if all(drift.by_hand for drift in comparison.drifts):
                break
            comparison = repair_round(name, comparison)
            show(name, comparison.rows, comparison.findings, comparison.seconds)
            if set(comparison.findings) == before:
                break
    if comparison.drifts:
        raise typer.Exit(1)
