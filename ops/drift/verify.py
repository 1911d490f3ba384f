"""`congress-ha verify`: shows what differs from what the stack deployed, on hosts and in the cloud. Changes nothing.

Exit code 0: nothing differs; 1: something does, or a host or the cloud did not answer; 2: there is no deployment.
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
from ops.common.progress import private_folder
from ops.drift import policies
from ops.drift.cloud import CloudInventory, compare, hosts_not_running, list_resources, summaries
from ops.drift.hosts import Drift, comparison_command, host_drifts, read_host
from ops.health.finding import Finding
from ops.health.table import Rows, as_json, show, with_states
from ops.ssh.survey import run_on_hosts
from ops.stack.outputs import parse
from ops.stack.pulumi import read_outputs, read_state
from ops.stack.reporting import reported_errors


@dataclass(frozen=True)
class Comparison:
    rows: Rows
    drifts: tuple[Drift, ...]
    seconds: float
    silent: frozenset[str]
    """Hosts that did not answer although their servers run, or the cloud did not answer either."""

    @property
    def findings(self) -> list[Finding]:
        return [drift.finding for drift in self.drifts]


def cloud_now(limits: Limits, state: Future[State]) -> CloudInventory | str:
    """The resources in the cloud, or one sentence why there are none. Raises StackError."""
    try:
        with openstack.connect(api_timeout=limits.cloud) as cloud:
            here, stack = scope.of(cloud), state.result().scope
            return scope.difference(stack, here) or list_resources(cloud)
    except (SDKException, ClientException) as error:
        return str(error).splitlines()[0].rstrip(".")


def compare_stack(name: str) -> Comparison:
    """Compare all hosts and the cloud with what the stack deployed. Raises StackError if there is no deployment."""
    began, limits = time.monotonic(), Limits.for_this_machine()
    with private_folder() as folder, ThreadPoolExecutor(2) as pool:
        exported = pool.submit(read_state)
        cloud = pool.submit(cloud_now, limits, exported)
        outputs = read_outputs()
        stack, state = parse(name, outputs), exported.result()
        commands = {host: comparison_command(host, state) for host in stack.hosts}
        views = {
            host: read_host(report)
            for host, report in run_on_hosts(commands, outputs, folder, limits).items()
        }
        view = cloud.result()
    found = policies.look(name, state.policies, outputs, views, limits)
    drifts: list[Drift] = []
    not_running: set[str] = set()
    if isinstance(view, str):
        way_out = "check OS_CLOUD, clouds.yaml and the cloud's API"
        drifts.append(Drift("cloud", f"could not be asked: {view}", way_out, by_hand=True))
    else:
        drifts += compare(view, state)
        not_running = hosts_not_running(view, state)
    drifts += host_drifts(views, state, not_running)
    drifts += policies.drifts(found, outputs, state)
    row_summaries = summaries(None if isinstance(view, str) else view, state)
    row_summaries |= {host: view.summary for host, view in views.items()}
    row_summaries |= policies.summaries(found, state.policies)
    row_summaries |= {name: f"yours: {place}, not compared" for name, place in stack.external.items()}
    silent = frozenset(
        host for host, view in views.items() if view.answer is None and host not in not_running
    )
    rows = with_states(row_summaries, [drift.finding for drift in drifts])
    return Comparison(rows, tuple(drifts), time.monotonic() - began, silent)


def main(
    *, json_: Annotated[bool, typer.Option("--json", help="one JSON object instead of a table")] = False
) -> None:
    """Show what differs from what stack $STACK (default: dev) deployed; exit code 1 if something does."""
    name = os.environ.get("STACK", "dev")
    with reported_errors("verify"):
        comparison = compare_stack(name)
    report = (name, comparison.rows, comparison.findings, comparison.seconds)
    if json_:
        typer.echo(json.dumps(as_json(*report), indent=1))
    else:
        show(*report)
    if comparison.drifts:
        raise typer.Exit(1)
