"""Step 5 of the document with a load balancer that the operator already has: the stack says what it must do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pulumi

from components.foundation.host import Host
from components.foundation.step import Step
from components.load_balancer import servers
from components.policy_engines import DRAIN_LIMIT, PolicyEngines
from settings import ExternalLoadBalancer as Setting

# Congress may need 120 s to answer a request that goes to a datasource node which has just died.
ANSWER_SECONDS = 130
STICKY_MINUTES = 30


class ExternalLoadBalancer(pulumi.ComponentResource):
    """`duties`: what it must do, for the stack's output load_balancer.

    `ready`: the engines' steps. The endpoint itself cannot be waited for: its operator learns the engines' addresses
    only from the outputs of the first `up`. `make status` asks it.
    """

    hosts: tuple[Host, ...] = ()
    endpoint: pulumi.Output[str]
    virtual_address = None
    ca_certificate: pulumi.Output[str]
    duties: dict[str, Any]
    ready: Sequence[Step]

    def __init__(
        self,
        name: str,
        setting: Setting,
        engines: PolicyEngines,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("congress-ha:index:ExternalLoadBalancer", name, None, opts)
        self.place = setting.place
        self.endpoint = pulumi.Output.from_input(setting.endpoint)
        # A text in the settings' file, so clients get what they need to verify the endpoint, as from the stack's own.
        self.ca_certificate = pulumi.Output.from_input(setting.ca.read_text() if setting.ca else "")
        self.duties = duties(setting, servers(engines))
        self.ready = engines.steps
        self.register_outputs({})


def duties(setting: Setting, engines: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {
        "endpoint": setting.endpoint,
        "from": [str(cidr) for cidr in setting.cidrs],
        "engines": [
            {key: engine[key] for key in ("node_id", "address", "port", "agent_port")} for engine in engines
        ],
        "protocol": "http to the engines; only https to clients",
        "health": {"path": "/health", "status": 200, "interval_seconds": 1, "timeout_seconds": 30},
        "agent_check": {
            "port": "agent_port of the engine",
            "send": "weight 100\n",
            "interval_seconds": 0.5,
            "answers": "as HAProxy's agent-check: up or down, and a percentage of the weight, which must be 100",
        },
        "stickiness": {"by": "source address", "minutes": STICKY_MINUTES, "except": "engines of weight 0"},
        "draining": f"at weight 0%: no new request, also of sticky clients; current ones end within {DRAIN_LIMIT} s",
        "timeouts": {"client_seconds": ANSWER_SECONDS, "server_seconds": ANSWER_SECONDS},
        "headers": {"delete": ["Forwarded", "X-Forwarded-*"], "set": {"X-Forwarded-Proto": "https"}},
    }
