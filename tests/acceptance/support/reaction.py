"""How often an action was executed, by nova and by the journals of the datasource nodes, and a failover of these."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from openstack.connection import Connection

from tests.acceptance.support.deployment import Deployment
from tests.support.waiting import wait_for

# Seconds.
FAILED_OVER = 120.0
# For both engines' actions: an engine follows the other one's rule after syncPeriod, and a waiting request is dropped
# 30 s after it came (congress_runtime/patches/actions.py).
SETTLED = 45.0
PROCESS = "[-]-datasources --node-id"


def while_it_settles(check: Callable[[], None]) -> None:
    """Watch for something that must not happen, until it cannot happen any more."""
    end = time.monotonic() + SETTLED
    while time.monotonic() < end:
        check()
        time.sleep(1)


class Nova:
    """What nova says of one server."""

    def __init__(self, cloud: Connection, server: str) -> None:
        self.compute: Any = cloud.compute
        self.server = server

    @property
    def status(self) -> str:
        return str(self.compute.get_server(self.server).status)

    def actions(self, name: str) -> int:
        return sum(one.action == name for one in self.compute.server_actions(self.server))

    def wait(self, status: str, seconds: float) -> None:
        def reached() -> bool:
            history = [one.action for one in self.compute.server_actions(self.server)]
            assert self.status == status, f"it is {self.status}, after {history}"
            return True

        wait_for(f"server {self.server} is {status}", seconds, reached)

    def paused_once(self, seconds: float, times: int = 1) -> None:
        """Assert that it was paused exactly `times` times, even after all requests that engines may still send."""
        self.wait("PAUSED", seconds)

        def still() -> None:
            assert (self.status, self.actions("pause")) == ("PAUSED", times), (
                "status, and how often it was paused"
            )

        while_it_settles(still)


def executed(deployment: Deployment, since: float, server: str) -> list[str]:
    """The lines in which datasource nodes, of both hosts, say that they execute an action on a server."""
    shown = f"journalctl -o cat --no-pager --since @{since:.0f}"
    lines = [
        line
        for host in deployment.hosts("datasource-node")
        for line in deployment.on(host, shown, timeout=120).splitlines()
    ]
    return [line for line in lines if ": executing " in line and server in line and "COMMAND=" not in line]


def active(deployment: Deployment) -> tuple[str, str]:
    """The host that runs the datasource node, and the other one."""
    hosts = deployment.hosts("datasource-node")
    (running,) = [host for host in hosts if runs(deployment, host)]
    (other,) = {*hosts} - {running}
    return running, other


def runs(deployment: Deployment, host: str) -> bool:
    return deployment.on(host, f"pgrep -f -- '{PROCESS}' >/dev/null && echo yes || echo no") == "yes"


def fail_over(deployment: Deployment) -> None:
    """The node's process ends at once; then the node moves to the other host. Returns when all is well."""
    host, other = active(deployment)
    deployment.on(host, f"pkill -KILL -f -- '{PROCESS}'; crm node standby")
    try:
        wait_for(f"the datasource node runs on {other}", FAILED_OVER, lambda: runs(deployment, other))
    finally:
        deployment.on(host, "crm node online")
    deployment.well(180)
