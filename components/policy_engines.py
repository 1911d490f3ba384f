"""Step 3 in the document's list, deployed after step 4: "we deploy N (at least 2) policy-engine nodes"."""

from __future__ import annotations

from collections.abc import Collection, Sequence
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


def predecessors(
    engines: Sequence[Placement], existing: Collection[str], max_unavailable: int
) -> dict[str, tuple[str, ...]]:
    """Node id of each engine -> the engines whose steps must have succeeded before its own step begins.

    - The first engine starts alone. On an empty database, two engines would race to create the first policies, and one
      of them would end. In a change, the first engine shows whether the change works.
    - The engines of one host follow one another, because their steps write the same files.
    - The load balancer may send requests to `existing` engines, so their hosts take turns. An engine waits for all
      turns that are at least `max_unavailable` before its own. So at most that many are away, even if one of them is
      slow, and after a failure, the turns that wait for the failed one do not begin.
    - A new engine takes no turn. It serves no clients yet, because the load balancer's step follows the engines' steps.
    """
    last = {engine.host: engine.node_id for engine in engines if engine.node_id in existing}
    turn = {host: number for number, host in enumerate(last)}
    turns = list(last.values())
    before: dict[str, str] = {}  # host -> the engine before, on the same host
    needed: dict[str, tuple[str, ...]] = {}
    for engine in engines:
        awaited = [before[engine.host]] if engine.host in before else []
        if engine.node_id in existing:
            # Earlier turns need not be named, because these turns wait for them.
            end = max(0, turn[engine.host] - max_unavailable + 1)
            awaited += turns[max(0, end - max_unavailable) : end]
        if not awaited and engine is not engines[0]:
            awaited = [engines[0].node_id]
        needed[engine.node_id] = tuple(awaited)
        before[engine.host] = engine.node_id
    return needed


class PolicyEngines(pulumi.ComponentResource):
    """`steps` drain each engine at the load balancer, restart and check it, and wait until it gets requests again.

    `predecessors` says which engines may do so at the same time. If an engine does not come back, its step fails, and
    the engines whose steps have not begun stay unchanged.

    `balanced_outside`: the load balancer is external, and has no port that tells an engine's state.
    `existing`: names of the steps in the stack's state. `after`: "This step should be done only after the Datasource
    Drivers Node is deployed".
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
        *,
        existing: Collection[str],
        balanced_outside: bool = False,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("congress-ha:index:PolicyEngines", name, None, opts)
        self.placements = placements(engines)
        self.hosts = {congress.host.name: congress for congress in hosts}
        needed = predecessors(self.placements, existing, engines.max_unavailable)
        steps: dict[str, Step] = {}
        for placement in self.placements:
            congress = self.hosts[placement.host]
            steps[placement.node_id] = Step(
                placement.node_id,
                congress.host,
                "policy_engines/engine.sh.j2",
                {
                    "node_id": placement.node_id,
                    "address": congress.host.address,
                    "port": placement.port,
                    "agent_port": placement.agent_port,
                    "balanced_outside": balanced_outside,
                    # An external load balancer has no such port. congress-drain then counts the connections at the
                    # engine's own port.
                    "state_port": placement.port if balanced_outside else ENGINE_STATE,
                    "drain_limit": DRAIN_LIMIT,
                    "per_host": engines.per_host,
                    "on_this_host": [p.node_id for p in self.placements if p.host == placement.host],
                    "congress": congress.digest,
                },
                parent=self,
                after=[*after, congress.ready, *(steps[node_id] for node_id in needed[placement.node_id])],
                limit=400,
            )
        self.steps = tuple(steps.values())
        self.register_outputs({})
