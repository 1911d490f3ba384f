"""The health of the pair of datasource node hosts: Pacemaker's view, processes, and a ping over the bus."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Self

from ops.health.facts import Facts, Unseen
from ops.health.finding import Finding
from ops.health.parsing import parsed
from ops.health.role_health import Candidate, Health, Probe
from ops.health.roles.datasource_node.cluster import NODE, Cluster, Process
from ops.health.roles.datasource_node.crm_mon import cluster
from ops.health.roles.datasource_node.findings import pair
from ops.health.roles.datasource_node.replacement import last_of_the_pair, may_still_run
from ops.health.roles.messaging import MessagingHealth
from ops.ssh.survey import Report
from ops.stack.outputs import Stack
from roles import CONFIGURATION, DATASOURCE_NODE

# Pacemaker's own commands would wait for Pacemaker if it does not run.
UNITS = """\
for unit in corosync pacemaker; do
  state=$(systemctl is-active $unit) || { echo "$unit.service is $state" >&2; exit 1; }
done
"""


@dataclass(frozen=True)
class DatasourceNodeHealth(Health):
    """Keys are host names. `pings`: milliseconds."""

    clusters: Mapping[str, Cluster | Unseen]
    processes: Mapping[str, tuple[Process, ...] | Unseen]
    pings: Mapping[str, int | Unseen]

    probes = (
        Probe("cluster", "bash -s", f"{UNITS}exec crm_mon -1 --include=all --output-as=xml"),
        Probe("constraints", "bash -s", f"{UNITS}exec cibadmin -Q -o constraints"),
        Probe("processes", "ps -u congress -o pid=,stat=,args="),
        Probe("ping", f"/opt/congress/bin/python -m congress_runtime.probes.ping {CONFIGURATION} {{inside}}"),
    )

    @classmethod
    def parse(cls, stack: Stack, reports: Mapping[str, Report]) -> Self:
        return cls(
            clusters={host: _cluster(report) for host, report in reports.items()},
            processes={
                host: parsed(report, "processes", lambda text: processes(text, stack.node_id), {0, 1})
                for host, report in reports.items()
            },
            pings={host: parsed(report, "ping", int) for host, report in reports.items()},
        )

    def findings(self, facts: Facts) -> Iterator[Finding]:
        return pair(self, facts)

    def refusal(self, candidate: Candidate) -> str | None:
        return may_still_run(self, candidate) or last_of_the_pair(self, candidate)

    def rows(self, facts: Facts) -> dict[str, str]:
        view = next((view for view in self.clusters.values() if isinstance(view, Cluster)), None)
        return {
            "cluster": _members(view) if view else "",
            "fencing": _fencing(view) if view else "",
            DATASOURCE_NODE.row: self._node(facts, view),
        }

    def _node(self, facts: Facts, view: Cluster | None) -> str:
        parts = []
        node = next((resource for resource in view.resources if resource.id == NODE), None) if view else None
        if node:
            parts.append(f"{node.role} on {', '.join(node.nodes) or 'no host'}")
        bus = facts[MessagingHealth].bus
        if not isinstance(bus, Unseen):
            parts.append(f"{bus.consumers} on the bus")
        if times := [ping for ping in self.pings.values() if not isinstance(ping, Unseen)]:
            parts.append(f"ping {min(times)} ms")
        return ", ".join(parts)


def _cluster(report: Report) -> Cluster | Unseen:
    constraints = parsed(report, "constraints", str)
    return parsed(
        report, "cluster", lambda text: cluster(text, constraints if isinstance(constraints, str) else "")
    )


def processes(ps: str, node_id: str) -> tuple[Process, ...]:
    """The datasource nodes among the lines `pid state arguments...` of user congress's processes."""
    matching = []
    for line in ps.splitlines():
        pid, state, *words = line.split()
        if "--datasources" in words and f"--node-id={node_id}" in words:
            matching.append(Process(int(pid), state))
    return tuple(matching)


def _members(view: Cluster) -> str:
    online = sum(node.online for node in view.nodes)
    return f"{online} of {len(view.nodes)} online, {'quorum' if view.quorum else 'NO quorum'}"


def _fencing(view: Cluster) -> str:
    devices = [f"{device.id} on {', '.join(device.nodes) or 'no host'}" for device in view.fencing]
    return f"{'enabled' if view.stonith_enabled else 'disabled'}, {'; '.join(devices) or 'no device'}"
