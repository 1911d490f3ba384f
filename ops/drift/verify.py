"""Shows what differs from what the stack put: on its hosts and in the cloud. Changes nothing.

Exit code 0: nothing; 1: something, or a host or the cloud could not be looked at; 2: there is nothing to look at.
"""

from __future__ import annotations

import json
import os
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Annotated

import openstack
import typer
from keystoneauth1.exceptions import ClientException
from openstack.exceptions import SDKException

from components.preflight import scope
from components.preflight.state import State
from ops.common.limits import Limits
from ops.common.progress import StoppedError, private_folder
from ops.drift.cloud import View, ask, compare, hosts_off, summaries
from ops.drift.hosts import Drift, of_hosts, question, read_host
from ops.health.finding import Finding
from ops.health.table import Rows, as_json, judged, show
from ops.ssh.survey import look
from ops.stack.outputs import StackError, parse
from ops.stack.pulumi import read_outputs, read_state


@dataclass(frozen=True)
class Look:
    rows: Rows
    drifts: tuple[Drift, ...]
    seconds: float
    silent: frozenset[str]
    """Hosts that run, as far as is known, and did not answer."""

    @property
    def findings(self) -> list[Finding]:
        return [drift.finding for drift in self.drifts]


def cloud_now(limits: Limits, state: Future[State]) -> View | str:
    """The cloud's view, or a sentence why there is none. Raises StackError."""
    try:
        with openstack.connect(api_timeout=limits.cloud) as cloud:
            here, stack = scope.of(cloud), state.result().scope
            return scope.difference(stack, here) or ask(cloud)
    except (SDKException, ClientException) as error:
        return str(error).splitlines()[0].rstrip(".")


def look_around(name: str) -> Look:
    """Compare everything. Raises StackError where nothing is deployed."""
    began, limits = time.monotonic(), Limits.here()
    with private_folder() as folder, ThreadPoolExecutor(2) as pool:
        exported = pool.submit(read_state)
        cloud = pool.submit(cloud_now, limits, exported)
        outputs = read_outputs()
        stack, state = parse(name, outputs), exported.result()
        asked = {host: question(host, state) for host in stack.hosts}
        views = {host: read_host(report) for host, report in look(asked, outputs, folder, limits).items()}
        view = cloud.result()
    drifts: list[Drift] = []
    off: set[str] = set()
    if isinstance(view, str):
        way_out = "check OS_CLOUD, clouds.yaml and the cloud's API"
        drifts.append(Drift("cloud", f"could not be asked: {view}", way_out, by_hand=True))
    else:
        drifts += compare(view, state)
        off = hosts_off(view, state)
    drifts += of_hosts(views, state, off)
    seen = summaries(None if isinstance(view, str) else view, state)
    seen |= {host: view.summary for host, view in views.items()}
    silent = frozenset(host for host, view in views.items() if view.answer is None and host not in off)
    rows = judged(seen, [drift.finding for drift in drifts])
    return Look(rows, tuple(drifts), time.monotonic() - began, silent)


def main(
    *, json_: Annotated[bool, typer.Option("--json", help="one JSON object instead of a table")] = False
) -> None:
    """Show what differs from what stack $STACK (default: dev) put; exit code 1 when something does."""
    name = os.environ.get("STACK", "dev")
    try:
        found = look_around(name)
    except StackError as error:
        typer.echo(f"verify: {error}", err=True)
        raise typer.Exit(2) from None
    except StoppedError as error:
        typer.echo(f"verify: {error}", err=True)
        raise typer.Exit(1) from None
    told = (name, found.rows, found.findings, found.seconds)
    if json_:
        typer.echo(json.dumps(as_json(*told), indent=1))
    else:
        show(*told)
    if found.drifts:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
