"""Step 3 in the document's list, deployed after step 4: "we deploy N (at least 2) policy-engine nodes"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi

import settings
from components.congress_host import CongressHost
from components.foundation.step import Step
from roles import AGENT_CHECK, ENGINE_STATE, POLICY_ENGINE

# Seconds that a stopping engine has to answer its current requests.
DRAIN_LIMIT = 30


@dataclass(frozen=True)
class Placement:
    """A policy engine: "Each node must have a unique node-id", and on one host "a different port"."""

    node_id: str
    host: str
    port: int

    @property
    def agent_port(self) -> int:
        """Port of congress-drain, which answers HAProxy's agent-check for this engine."""
        return self.port + AGENT_CHECK


def placements(engines: settings.PolicyEngines) -> tuple[Placement, ...]:
    """Engine i is on host (i - 1) // per_host + 1, so a higher count moves no engine."""
    return tuple(
        Placement(
            node_id=f"{POLICY_ENGINE.name}-{index + 1}",
            host=POLICY_ENGINE.host_name(index // engines.per_host + 1),
            port=engines.base_port + index % engines.per_host,
        )
        for index in range(engines.count)
    )


class PolicyEngines(pulumi.ComponentResource):
    """`steps` start the engines one after another.

    On an empty database, the first engine must start alone: two engines that create the first policies at the same time
    race, and one of them ends. Every later change reaches the engines one by one: each is drained at the load
    balancer, restarted, checked and gets requests again. If one fails, its step fails; the later ones stay unchanged.

    `after`: "This step should be done only after the Datasource Drivers Node is deployed".
    """

    placements: tuple[Placement, ...]
    steps: tuple[Step, ...]
    hosts: dict[str, CongressHost]

    def __init__(
        self,
        name: str,
        engines: settings.PolicyEngines,
        hosts: Sequence[CongressHost],
        after: Sequence[pulumi.Resource],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("congress-ha:index:PolicyEngines", name, None, opts)
        self.placements = placements(engines)
        self.hosts = {congress.host.name: congress for congress in hosts}
        steps: list[Step] = []
        for placement in self.placements:
            congress = self.hosts[placement.host]
            step = Step(
                placement.node_id,
                congress.host,
                "policy_engines/engine.sh.j2",
                {
                    "node_id": placement.node_id,
                    "address": congress.host.address,
                    "port": placement.port,
                    "agent_port": placement.agent_port,
                    "state_port": ENGINE_STATE,
                    "drain_limit": DRAIN_LIMIT,
                    "per_host": engines.per_host,
                    "on_this_host": [p.node_id for p in self.placements if p.host == placement.host],
                    "congress": congress.digest,
                },
                parent=self,
                after=[*after, congress.ready, *steps[-1:]],
                limit=400,
            )
            steps.append(step)
        self.steps = tuple(steps)
        self.register_outputs({})
