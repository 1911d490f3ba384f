"""Measures changes of the deployed stack dev with clients at its endpoint. The stack ends as it was.

Prints a table in Markdown: duration of the change in seconds, requests of clients meanwhile, failed ones, the
slowest.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import typer

from tests.acceptance.support.deployment import CONGRESS_HA, Deployment, run
from tests.acceptance.support.traffic import Traffic, traffic

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

# The lab has three compute hosts.
SOFT = "antiAffinity=soft"
FOUR = "policyEngines.count=4"


@dataclass(frozen=True)
class Measured:
    name: str
    seconds: float
    asked: int
    failed: int
    slowest: float

    def row(self) -> str:
        return f"| {self.name} | {self.seconds:.0f} | {self.asked} | {self.failed} | {self.slowest:.2f} |"


def restart_all_at_once(deployment: Deployment) -> None:
    """A change of all engines at the same time, without waiting for each other."""

    def restart(engine: dict[str, str]) -> str:
        return deployment.on(
            engine["host"], f"systemctl restart congress-policy-engine@{engine['node_id']}", timeout=150
        )

    with ThreadPoolExecutor(len(deployment.engines)) as pool:
        list(pool.map(restart, deployment.engines))


def measured(name: str, clients: Traffic, change: Callable[[], object]) -> Measured:
    """Do one change. Requests count until every client is served again, because an outage may outlast its change."""
    print(f"changes: {name}: ", end="", file=sys.stderr, flush=True)
    began = time.time()
    change()
    ended = time.time()
    clients.served()
    asked, failed = clients.since(began), clients.failed(began)
    result = Measured(name, ended - began, len(asked), len(failed), clients.slowest(began).seconds)
    print(
        f"{result.seconds:.0f} s, {result.failed} of {result.asked} requests failed",
        file=sys.stderr,
        flush=True,
    )
    for request in failed[:3]:
        print(f"changes:   {request}", file=sys.stderr)
    return result


@app.command()
def measure() -> None:
    """Measure each change once, with two engines and with four."""
    with tempfile.TemporaryDirectory(prefix="congress-ha-changes-") as folder:
        deployment = Deployment(Path(folder))
        deployment.up(SOFT)
        replace = [*CONGRESS_HA, "replace", "policy-engine-host-2"]
        with traffic(deployment) as clients:
            rows = [
                measured(name, clients, change).row()
                for name, change in (
                    ("setting of 2 engines", lambda: deployment.up(SOFT, "policyEngines.syncPeriod=7")),
                    ("2 engines restarted at once", lambda: restart_all_at_once(deployment)),
                    ("2 engines -> 4", lambda: deployment.up(SOFT, "policyEngines.syncPeriod=7", FOUR)),
                    ("setting of 4 engines", lambda: deployment.up(SOFT, FOUR)),
                    ("4 engines restarted at once", lambda: restart_all_at_once(deployment)),
                    ("4 engines -> 2", lambda: deployment.up(SOFT)),
                    ("an engine's host replaced", lambda: run(replace, timeout=600)),
                )
            ]
        deployment.up()
    print("| change | seconds | requests | failed | slowest, s |\n|---|---|---|---|---|")
    print("\n".join(rows))


if __name__ == "__main__":
    app()
