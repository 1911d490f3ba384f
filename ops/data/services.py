"""Stops and starts everything that writes into the database, in the document's order, and checks that it works."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from components.foundation.template import render_command
from ops.common.progress import Progress
from ops.ssh.commands import Hosts
from ops.stack.outputs import Stack

# Seconds; longer than the scripts themselves may take: two minutes of pauses, and their requests.
LIMIT = 900


def nothing() -> None: ...


@dataclass(frozen=True)
class Services:
    """`member`: the host of the pair on which Pacemaker's commands run.

    `may_start`: raises HostError if no service may start.
    """

    hosts: Hosts
    stack: Stack
    member: str
    progress: Progress
    may_start: Callable[[], None] = nothing

    def stop(self) -> None:
        """Stop the engines, then the datasource node, which they use. Raises HostError."""
        for engine in self.stack.engines:
            self.progress.begin(f"stopping {engine.node_id}")
            self.hosts.run(engine.host, f"systemctl stop {unit(engine.node_id)}", timeout=LIMIT)
        self.progress.begin("stopping the datasource node")
        self.hosts.run(self.member, render_command("datasource_node/stop.sh.j2", {}), timeout=LIMIT)

    def start(self) -> None:
        """Start the datasource node, then the engines one by one, each after the one before it serves clients.

        Raises HostError.
        """
        self.progress.begin("starting the datasource node")
        self.may_start()
        self.hosts.run(self.member, render_command("datasource_node/start.sh.j2", {}), timeout=LIMIT)
        for engine in self.stack.engines:
            self.progress.begin(f"starting {engine.node_id}")
            # Each start may take minutes.
            self.may_start()
            text = render_command(
                "policy_engines/start.sh.j2", {"node_id": engine.node_id, "url": engine.url}
            )
            self.hosts.run(engine.host, text, timeout=LIMIT)


def unit(node_id: str) -> str:
    return f"congress-policy-engine@{node_id}.service"
