"""The health of the load balancer's host: HAProxy's view of the engines, and the endpoint."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Self

from ops.health.facts import Facts, Unseen
from ops.health.finding import Finding, unanswered, wrong
from ops.health.parsing import parsed
from ops.health.role_health import Health, Probe
from ops.health.roles.policy_engine import PolicyEngineHealth
from ops.ssh.survey import Report
from ops.stack.outputs import Stack
from roles import LOAD_BALANCER

ROW = LOAD_BALANCER.row


@dataclass(frozen=True)
class Backend:
    """A policy engine as HAProxy sees it: status (UP, DOWN, MAINT, ...) and its last check."""

    status: str
    check: str


def backends(stats: str) -> dict[str, Backend]:
    """The servers of HAProxy's backend policy_engines, from its statistics as CSV."""
    rows = csv.DictReader(stats.lstrip("# ").splitlines())
    matching = {
        row["svname"]: Backend(row["status"], _reason(row))
        for row in rows
        if row["pxname"] == "policy_engines" and row["svname"] != "BACKEND"
    }
    if not matching:
        raise ValueError("no servers of policy_engines in HAProxy's statistics")
    return matching


def _reason(row: Mapping[str, str]) -> str:
    """The answer of the agent-check if that took the engine out, else the last health check."""
    if row["status"].endswith("(agent)"):
        return row["last_agt"] or row["agent_status"]
    return row["last_chk"] or row["check_status"]


@dataclass(frozen=True)
class LoadBalancerHealth(Health):
    """`balancer`: node id -> engine."""

    balancer: Mapping[str, Backend] | Unseen

    probes = (Probe("haproxy", "curl -sS http://127.0.0.1:8404/;csv"),)

    @classmethod
    def parse(cls, _stack: Stack, reports: Mapping[str, Report]) -> Self:
        (report,) = reports.values()
        return cls(parsed(report, "haproxy", backends))

    def findings(self, facts: Facts) -> Iterator[Finding]:
        if isinstance(facts.endpoint, Unseen):
            way_out = "see the rows above; is this machine allowed? (setting access.apiCidrs)"
            yield from unanswered(ROW, facts.endpoint, "the endpoint does not answer", way_out)
        if isinstance(self.balancer, Unseen):
            way_out = "on load-balancer: sudo systemctl status haproxy; sudo systemctl restart haproxy"
            yield from unanswered(ROW, self.balancer, "HAProxy's statistics", way_out)
            return
        for node_id in facts[PolicyEngineHealth].engines:
            yield from _backend(node_id, self.balancer.get(node_id))

    def rows(self, facts: Facts) -> dict[str, str]:
        parts = []
        if not isinstance(self.balancer, Unseen):
            up = sum(backend.status.startswith("UP") for backend in self.balancer.values())
            parts.append(f"{up} of {len(self.balancer)} engines up")
        if not isinstance(facts.endpoint, Unseen):
            parts.append(f"endpoint answers in {facts.endpoint} ms")
        return {ROW: ", ".join(parts)}


def _backend(node_id: str, backend: Backend | None) -> Iterator[Finding]:
    if backend is None:
        yield wrong(ROW, f"HAProxy has no server {node_id}", "make up")
    elif backend.status in {"MAINT", "DRAIN"}:
        enable = f"set server policy_engines/{node_id} state ready"
        way_out = f"on load-balancer: echo '{enable}' | sudo socat - /run/haproxy/admin.sock"
        yield wrong(ROW, f"{node_id} was taken out by hand ({backend.status})", way_out)
    elif not backend.status.startswith("UP"):
        what = f"{node_id} is {backend.status} ({backend.check})"
        yield wrong(ROW, what, "see engines above; it returns by itself")
