"""The health of the load balancers: the engines as they see them, the holder of the address, and the endpoint."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Self

from ops.health.facts import Facts, Unseen
from ops.health.finding import Finding, unanswered, wrong
from ops.health.parsing import parsed
from ops.health.role_health import Candidate, Health, Probe
from ops.health.roles.policy_engine import PolicyEngineHealth
from ops.ssh.survey import Report
from ops.stack.outputs import Stack
from roles import LOAD_BALANCER

ROW = LOAD_BALANCER.row
ADDRESS = """\
systemctl is-active keepalived || true
if congress-endpoint holds; then echo holds; fi
"""


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
    """The answer of the agent-check, if that check took the engine out; else the last health check."""
    if row["status"].endswith("(agent)"):
        return row["last_agt"] or row["agent_status"]
    return row["last_chk"] or row["check_status"]


@dataclass(frozen=True)
class Shares:
    """A host's state of a virtual address. `keepalived`: the unit's active state. `holds`: the host has the address."""

    keepalived: str
    holds: bool


def shares(lines: str) -> Shares:
    """From the unit's state, and `holds` where the host does."""
    state, *more = lines.splitlines()
    return Shares(state, more == ["holds"])


@dataclass(frozen=True)
class LoadBalancerHealth(Health):
    """`balancers`: host -> node id -> engine, as each load balancer sees it.

    `addresses`: host -> its state of the virtual address, empty if there is none.
    """

    balancers: Mapping[str, Mapping[str, Backend] | Unseen]
    addresses: Mapping[str, Shares | Unseen]

    probes = (
        Probe("haproxy", "curl -sS http://127.0.0.1:8404/;csv"),
        Probe("address", "bash -s", ADDRESS, of_several=True),
    )

    @classmethod
    def parse(cls, stack: Stack, reports: Mapping[str, Report]) -> Self:
        shared = reports if stack.virtual_address else {}
        return cls(
            {host: parsed(report, "haproxy", backends) for host, report in reports.items()},
            {host: parsed(report, "address", shares) for host, report in shared.items()},
        )

    @property
    def holders(self) -> list[str]:
        """Hosts that hold the endpoint's virtual address. Exactly one should, if there is such an address."""
        return [host for host, part in self.addresses.items() if not isinstance(part, Unseen) and part.holds]

    def findings(self, facts: Facts) -> Iterator[Finding]:
        if isinstance(facts.endpoint, Unseen):
            way_out = "see the rows above; is this machine allowed? (setting access.apiCidrs)"
            yield from unanswered(ROW, facts.endpoint, "the endpoint does not answer", way_out)
        yield from self._address()
        for host, seen in self.balancers.items():
            at = self._at(host)
            if isinstance(seen, Unseen):
                way_out = f"on {host}: sudo systemctl status haproxy; sudo systemctl restart haproxy"
                yield from unanswered(ROW, seen, f"HAProxy's statistics{at}", way_out)
                continue
            for node_id in facts[PolicyEngineHealth].engines:
                yield from _backend(host, at, node_id, seen.get(node_id))

    def refusal(self, candidate: Candidate) -> str | None:
        """Refuses only with several load balancers: the replacement of a single one is an outage in any case."""
        others = [host for host in self.balancers if host != candidate.host]
        if others and [host for host in self.balancers if self._can_hold_the_address(host)] == [
            candidate.host
        ]:
            return f"{candidate.host} is the last working load balancer: repair {', '.join(others)} first (make status)"
        return None

    def _can_hold_the_address(self, host: str) -> bool:
        part = self.addresses.get(host)
        runs = isinstance(part, Shares) and part.keepalived == "active"
        return runs and not isinstance(self.balancers[host], Unseen)

    def rows(self, facts: Facts) -> dict[str, str]:
        parts = []
        for host, engines in self.balancers.items():
            if not isinstance(engines, Unseen):
                up = sum(backend.status.startswith("UP") for backend in engines.values())
                parts.append(f"{up} of {len(engines)} engines up{self._at(host)}")
        if holders := self.holders:
            parts.append(f"{' and '.join(holders)} {'holds' if len(holders) == 1 else 'hold'} the address")
        if not isinstance(facts.endpoint, Unseen):
            parts.append(f"endpoint answers in {facts.endpoint} ms")
        return {ROW: ", ".join(parts)}

    def _at(self, host: str) -> str:
        return f" at {host}" if len(self.balancers) > 1 else ""

    def _address(self) -> Iterator[Finding]:
        log = "sudo journalctl -u keepalived -n 50"
        holders, unseen = self.holders, [part for part in self.addresses.values() if isinstance(part, Unseen)]
        if len(holders) > 1:
            what = f"{' and '.join(holders)} hold the endpoint's address at once: they do not hear each other"
            yield wrong(ROW, what, f"make verify (a rule or a port was changed?); on each: {log}")
        if self.addresses and not holders and not unseen:
            what = "no load balancer holds the endpoint's address"
            yield wrong(ROW, what, f"on each: {log}; sudo systemctl restart haproxy keepalived")
        for host, part in self.addresses.items():
            way_out = f"on {host}: {log}; sudo systemctl start keepalived"
            if isinstance(part, Unseen):
                yield from unanswered(ROW, part, f"keepalived on {host}", way_out)
            elif part.keepalived != "active":
                what = f"keepalived on {host} is {part.keepalived}: it could not take the endpoint's address"
                yield wrong(ROW, what, way_out)


def _backend(host: str, at: str, node_id: str, backend: Backend | None) -> Iterator[Finding]:
    if backend is None:
        yield wrong(ROW, f"HAProxy has no server {node_id}{at}", "make up")
    elif backend.status in {"MAINT", "DRAIN"}:
        enable = f"set server policy_engines/{node_id} state ready"
        way_out = f"on {host}: echo '{enable}' | sudo socat - /run/haproxy/admin.sock"
        yield wrong(ROW, f"{node_id} was taken out by hand ({backend.status}){at}", way_out)
    elif not backend.status.startswith("UP"):
        what = f"{node_id} is {backend.status} ({backend.check}){at}"
        yield wrong(ROW, what, "see engines above; it returns by itself")
