"""Whether a host may be replaced: not while it is the last working one of its role. Only evaluates facts."""

from __future__ import annotations

from ops.health.facts import Facts
from ops.health.role_health import Candidate, health_of
from ops.health.roles.datasource_node import DatasourceNodeHealth
from ops.health.roles.datasource_node.cluster import NODE, Cluster
from ops.health.roles.policy_engine import PolicyEngineHealth
from roles import BASTION, by_name


def refusal(candidate: Candidate) -> str | None:
    """Why the host must not be replaced, with the way out; None if it may be."""
    facts, host, bastion = candidate.facts, candidate.host, BASTION.host
    if host != bastion and (problem := facts.hosts[bastion].ssh):
        return (
            f"the bastion cannot be reached ({problem}), nor any host behind it: make replace HOST={bastion}"
        )
    kind = health_of(by_name(candidate.stack.hosts[host].role))
    return facts[kind].refusal(candidate) if kind else None


def all_writers_stopped(facts: Facts) -> bool:
    """Whether all engines and the datasource node are stopped, as an interrupted replacement leaves them."""
    engines = all(
        isinstance(engine.unit, tuple) and engine.unit[0] in {"inactive", "failed"}
        for engine in facts[PolicyEngineHealth].engines.values()
    )
    views = [view for view in facts[DatasourceNodeHealth].clusters.values() if isinstance(view, Cluster)]
    nodes = [resource for view in views for resource in view.resources if resource.id == NODE]
    return engines and bool(nodes) and not any(node.nodes for node in nodes)
