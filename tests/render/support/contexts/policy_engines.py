"""Policy engines."""

from __future__ import annotations

ENGINE = {
    "node_id": "policy-engine-1",
    "address": "10.20.0.21",
    "port": 1789,
    "agent_port": 1889,
    "state_port": 8405,
    "balanced_outside": False,
    "drain_limit": 30,
    "per_host": 2,
    "on_this_host": ["policy-engine-1", "policy-engine-10"],
    "congress": "0a1b-2c3d",
}
ENGINES = {
    "first": ENGINE,
    "tenth": {**ENGINE, "node_id": "policy-engine-10", "port": 1798},
    "balanced outside": {**ENGINE, "balanced_outside": True, "state_port": 1789},
}
