"""Findings about the load balancers: the engines as they see them, and the holder of the endpoint's address."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ops.health.facts import Backend, Facts, Unseen
from ops.health.finding import Finding, unanswered, wrong
from roles import LOAD_BALANCER

ROW = LOAD_BALANCER.row


def load_balancer(facts: Facts) -> Iterator[Finding]:
    if isinstance(facts.endpoint, Unseen):
        way_out = "see the rows above; is this machine allowed? (setting access.apiCidrs)"
        yield from unanswered(ROW, facts.endpoint, "the endpoint does not answer", way_out)
    yield from _address(facts)
    for host, seen in facts.balancers.items():
        at = f" at {host}" if len(facts.balancers) > 1 else ""
        if isinstance(seen, Unseen):
            way_out = f"on {host}: sudo systemctl status haproxy; sudo systemctl restart haproxy"
            yield from unanswered(ROW, seen, f"HAProxy's statistics{at}", way_out)
        else:
            yield from _backends(host, at, facts, seen)


def _backends(host: str, at: str, facts: Facts, seen: Mapping[str, Backend]) -> Iterator[Finding]:
    for node_id in facts.engines:
        backend = seen.get(node_id)
        if backend is None:
            yield wrong(ROW, f"HAProxy has no server {node_id}{at}", "make up")
        elif backend.status in {"MAINT", "DRAIN"}:
            enable = f"set server policy_engines/{node_id} state ready"
            way_out = f"on {host}: echo '{enable}' | sudo socat - /run/haproxy/admin.sock"
            yield wrong(ROW, f"{node_id} was taken out by hand ({backend.status}){at}", way_out)
        elif not backend.status.startswith("UP"):
            what = f"{node_id} is {backend.status} ({backend.check}){at}"
            yield wrong(ROW, what, "see engines above; it returns by itself")


def _address(facts: Facts) -> Iterator[Finding]:
    seen = {host: part for host, part in facts.addresses.items() if not isinstance(part, Unseen)}
    log = "sudo journalctl -u keepalived -n 50"
    holders = holding(facts)
    if len(holders) > 1:
        what = f"{' and '.join(holders)} hold the endpoint's address at once: they do not hear each other"
        yield wrong(ROW, what, f"make verify (a rule or a port was changed?); on each: {log}")
    if seen and not holders and len(seen) == len(facts.addresses):
        what = "no load balancer holds the endpoint's address"
        yield wrong(ROW, what, f"on each: {log}; sudo systemctl restart haproxy keepalived")
    for host, part in facts.addresses.items():
        way_out = f"on {host}: {log}; sudo systemctl start keepalived"
        if isinstance(part, Unseen):
            yield from unanswered(ROW, part, f"keepalived on {host}", way_out)
        elif part.keepalived != "active":
            what = f"keepalived on {host} is {part.keepalived}: it could not take the endpoint's address"
            yield wrong(ROW, what, way_out)


def holding(facts: Facts) -> list[str]:
    """Hosts that hold the endpoint's virtual address. Exactly one should, if there is such an address."""
    return [host for host, part in facts.addresses.items() if not isinstance(part, Unseen) and part.holds]
