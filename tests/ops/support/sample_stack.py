"""A healthy deployment: recorded answers of its hosts, and the facts parsed from them."""

from __future__ import annotations

import json
from pathlib import Path

from ops.cloud.servers import Server
from ops.health.facts import Facts
from ops.health.parsing import parse_facts
from ops.remote.runner import CommandResult
from ops.ssh.survey import Report
from ops.stack.outputs import Engine, Host, Stack

SAMPLES = Path(__file__).parent / "samples"
ROLES = {
    "bastion": "bastion",
    "database": "database",
    "messaging": "messaging",
    "load-balancer": "load-balancer",
    "datasource-1": "datasource-node",
    "datasource-2": "datasource-node",
    "policy-engine-host-1": "policy-engine",
    "policy-engine-host-2": "policy-engine",
}
STACK = Stack(
    name="dev",
    hosts={name: Host(role, f"congress-dev-{name}") for name, role in ROLES.items()},
    engines=tuple(
        Engine(f"policy-engine-{n}", f"policy-engine-host-{n}", f"http://10.20.0.{n}:1789") for n in (1, 2)
    ),
    node_id="datasource-node",
    endpoint="https://192.0.2.10:1789",
    ca_certificate="",
)
# Only those that ssh's files are made of.
OUTPUTS = {"ssh_config": "Host *\n", "ssh_known_hosts": "known\n", "ssh_private_key": "PRIVATE\n"}
SERVERS = {host.server: Server("ACTIVE", "") for host in STACK.hosts.values()}


def sample(name: str) -> str:
    return (SAMPLES / name).read_text()


def reports() -> dict[str, Report]:
    answers: dict[str, dict[str, CommandResult]] = json.loads(sample("healthy.json"))
    return {name: Report(answers=answers[name]) for name in ROLES}


def facts(changed: dict[str, Report] | None = None) -> Facts:
    """Facts of the sample, with other reports of the hosts named."""
    return parse_facts(STACK, {**reports(), **(changed or {})}, SERVERS, 20)
