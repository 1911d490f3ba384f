"""`congress-ha status`: shows the health of a stack's roles, and what to do about each fault. Changes nothing.

Exit code 0: all is well; 1: something is wrong; 2: there is no deployment; 3: nothing is wrong, but not everything
could be checked, or nothing, because the state cannot be read.
"""

from __future__ import annotations

import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from threading import Thread
from typing import Annotated, Any

import typer

from components.preflight.scope import Scope
from ops.cloud import servers as cloud
from ops.common.limits import Limits
from ops.common.progress import private_folder
from ops.health.assessment import assess
from ops.health.facts import Facts, Unseen
from ops.health.parsing import parse_facts
from ops.health.probes import health_commands
from ops.health.table import as_json, details, rows, show
from ops.ssh.survey import run_on_hosts
from ops.stack.outputs import Stack, parse, prefix_of
from ops.stack.pulumi import read_declared, read_outputs
from ops.stack.reporting import reported_errors


def endpoint(stack: Stack, limits: Limits) -> int | Unseen:
    """Milliseconds until the endpoint answered GET /health, or why it did not."""
    url = stack.endpoint
    started = time.monotonic()
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=stack.tls())
    )
    try:
        opener.open(f"{url}/health", timeout=limits.endpoint).close()
    except urllib.error.HTTPError as error:
        error.close()
        return Unseen(f"{url} answers {error.code} to GET /health")
    except OSError as error:
        return Unseen(f"{url}: {getattr(error, 'reason', error)}")
    return round((time.monotonic() - started) * 1000)


class CloudQuery(Thread):
    """Queries the cloud in parallel. A daemon thread, so that a hung cloud does not delay the end of the command."""

    def __init__(self, prefix: str, limits: Limits) -> None:
        super().__init__(daemon=True)
        self.prefix, self.limits = prefix, limits
        self.end = time.monotonic() + limits.cloud
        self.answer: cloud.View | str = f"no answer within {limits.cloud:g} s"

    def run(self) -> None:
        self.answer = cloud.view(self.prefix, self.limits)

    def wait(self, stack: Scope | None) -> Mapping[str, cloud.Server] | str:
        """The servers, or one sentence why there are none: no answer in time, or a login to another project."""
        self.join(max(self.end - time.monotonic(), 0))
        return self.answer if isinstance(self.answer, str) else self.answer.of(stack)


def collect_facts(
    stack: Stack, outputs: Mapping[str, Any], limits: Limits, query: CloudQuery | None = None
) -> Facts:
    """All facts of a stack. `inquiry`: a query of the cloud that has already begun."""
    if query is None:
        query = CloudQuery(f"{prefix_of(stack.name)}-", limits)
        query.start()
    with private_folder() as folder, ThreadPoolExecutor(1) as pool:
        answered = pool.submit(endpoint, stack, limits)
        commands = {host: health_commands(host, stack, limits) for host in stack.hosts}
        reports = run_on_hosts(commands, outputs, folder, limits)
        facts_of_endpoint = answered.result()
    return parse_facts(stack, reports, query.wait(stack.scope), facts_of_endpoint)


def main(
    *, json_: Annotated[bool, typer.Option("--json", help="one JSON object instead of a table")] = False
) -> None:
    """Show the health of every role of stack $STACK (default: dev); exit code 1 if something is wrong, 3 if not
    everything could be checked.
    """
    started, limits = time.monotonic(), Limits.for_this_machine()
    name = os.environ.get("STACK", "dev")
    query = CloudQuery(f"{prefix_of(name)}-", limits)
    query.start()
    with reported_errors("status", unreadable=3):
        outputs = read_outputs()
        stack = parse(name, outputs, read_declared(outputs))
        facts = collect_facts(stack, outputs, limits, query)
    findings = assess(facts)
    report = (name, rows(facts, findings), findings, time.monotonic() - started)
    if json_:
        typer.echo(json.dumps({**as_json(*report), **details(facts)}, indent=1))
    else:
        show(*report)
    summary = as_json(*report)
    if not summary["ok"]:
        raise typer.Exit(1)
    if not summary["complete"]:
        raise typer.Exit(3)
