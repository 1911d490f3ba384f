"""HAProxy on one host, or on two with an address that moves."""

from __future__ import annotations

from typing import Any

from components.policy_engines import placements
from settings import PolicyEngines
from tests.render.support.contexts.common import IDENTITY


def load_balancer(count: int, per_host: int = 1) -> dict[str, Any]:
    engines = placements(PolicyEngines(count=count, per_host=per_host))
    addresses = {
        name: f"10.20.0.{20 + i}" for i, name in enumerate(dict.fromkeys(e.host for e in engines), 1)
    }
    servers = [
        {
            "id": index,
            "node_id": engine.node_id,
            "address": addresses[engine.host],
            "port": engine.port,
            "agent_port": engine.agent_port,
        }
        for index, engine in enumerate(engines, 1)
    ]
    return {
        "name": "load-balancer",
        "servers": servers,
        "address": "10.20.0.4",
        "virtual_address": "",
        "port": 1789,
        "state_port": 8405,
        "peers": [{"name": "load-balancer", "address": "127.0.0.1"}],
        "peer_port": 8406,
        "reached_at": "203.0.113.8",
        "identity": IDENTITY,
        "steps_aside": False,
    }


def of_a_pair(number: int) -> dict[str, Any]:
    """The first or second load balancer of two."""
    peers = [
        {"name": "load-balancer", "address": "10.20.0.4"},
        {"name": "load-balancer-2", "address": "10.20.0.7"},
    ]
    return {
        **load_balancer(2),
        **peers[number - 1],
        "other": peers[2 - number],
        "virtual_address": "10.20.0.8",
        "peers": peers,
        "steps_aside": number > 1,
    }


LOAD_BALANCERS = {
    **{f"{count}-engines": load_balancer(count) for count in (2, 3, 10)},
    "3-engines-on-2-hosts": load_balancer(3, per_host=2),
    **(PAIRED := {f"{name}-of-two": of_a_pair(number) for number, name in ((1, "first"), (2, "second"))}),
}
