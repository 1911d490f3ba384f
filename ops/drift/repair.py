"""Puts right what `make verify` finds: by the cloud's API and by `pulumi up`, then looks again.

What is put right in one round may show more: a host that was off tells of its files when it is on again.
Exit code 0: nothing differs any more; 1: something does; 2: there is nothing to look at.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from collections.abc import Set as AbstractSet

import openstack
import typer
from keystoneauth1.exceptions import ClientException
from openstack.exceptions import SDKException

from ops.common.progress import StoppedError
from ops.common.waiting import last_look
from ops.drift.hosts import Drift
from ops.drift.verify import Look, look_around
from ops.health.table import show
from ops.stack.outputs import StackError
from ops.stack.pulumi import work

ROUNDS = 3
# For a server that was started: until its host lets us in, or its silence is a finding.
BOOT, PAUSE = 120, 3


def plan(drifts: Iterable[Drift]) -> list[str]:
    """Options of the `up` that puts the rest right: the steps that run again, each once.

    It goes on after an error, with what does not depend on the step that failed.
    """
    urns = sorted({urn for drift in drifts for urn in drift.steps})
    return ["--refresh", "--continue-on-error", *(word for urn in urns for word in ("--replace", urn))]


def call_cloud(drifts: Iterable[Drift]) -> None:
    """What only the cloud's API puts right; what it refuses is said, and stays a finding."""
    with openstack.connect() as cloud:
        for drift in drifts:
            typer.echo(f"repair: {drift.mend}: {drift.what}")
            try:
                drift.call and drift.call(cloud)
            except (SDKException, ClientException) as error:
                typer.echo(f"repair: the cloud refuses it: {str(error).splitlines()[0]}", err=True)


def up(options: list[str]) -> None:
    """`pulumi up`; its own lines say what it does, and why it fails."""
    command = ["up", "--yes", "--skip-preview", "--non-interactive", *options]
    typer.echo(f"repair: pulumi {' '.join(command)}")
    if code := work(*command):
        typer.echo(f"repair: pulumi up ended with {code}", err=True)


def settled(name: str, silent: AbstractSet[str]) -> Look:
    """What differs, when every host lets us in that is starting; `silent` ones did not before."""
    return last_look(BOOT, PAUSE, lambda: look_around(name), lambda found: not found.silent - silent)


def mend(name: str, found: Look) -> Look:
    """One round; what differs after it."""
    able = [drift for drift in found.drifts if not drift.by_hand]
    if called := [drift for drift in able if drift.call]:
        call_cloud(called)
        # A step that runs again may need another host's service.
        settled(name, found.silent)
    if len(called) < len(able):
        up(plan(able))
    return settled(name, found.silent)


def main() -> None:
    """Put right what differs from what stack $STACK (default: dev) put."""
    name = os.environ.get("STACK", "dev")
    try:
        found = look_around(name)
        show(name, found.rows, found.findings, found.seconds)
        for _ in range(ROUNDS):
            before = set(found.findings)
            if all(drift.by_hand for drift in found.drifts):
                break
            found = mend(name, found)
            show(name, found.rows, found.findings, found.seconds)
            if set(found.findings) == before:
                break
    except StackError as error:
        typer.echo(f"repair: {error}", err=True)
        raise typer.Exit(2) from None
    except StoppedError as error:
        typer.echo(f"repair: {error}", err=True)
        raise typer.Exit(1) from None
    if found.drifts:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
