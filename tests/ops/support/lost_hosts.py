"""A deployment that lost hosts, and why a host of a deployment must not be replaced."""

from __future__ import annotations

from dataclasses import replace

from ops.health.facts import Facts, Unseen
from ops.health.role_health import Candidate
from ops.health.roles.database import DatabaseHealth
from ops.health.roles.datasource_node import DatasourceNodeHealth
from ops.health.roles.policy_engine import PolicyEngineHealth
from ops.replacement import preconditions
from ops.stack.outputs import Stack
from tests.ops.support import fact_changes as changes

GONE = "No route to host"


def unreachable(seen: Facts, host: str) -> Facts:
    """The facts with one unreachable host, and without everything that was observed on it."""
    unseen = Unseen(GONE, explained=True)
    seen = changes.host(seen, host, ssh=GONE, connected=False)
    engines = {
        n: replace(e, unit=unseen, view=unseen) if e.host == host else e
        for n, e in seen[PolicyEngineHealth].engines.items()
    }
    clusters = {
        name: unseen if name == host else view for name, view in seen[DatasourceNodeHealth].clusters.items()
    }
    seen = changes.changed(seen, PolicyEngineHealth, engines=engines)
    seen = changes.changed(seen, DatasourceNodeHealth, clusters=clusters)
    return changes.changed(seen, DatabaseHealth, database=unseen) if host == "database" else seen


def dead() -> Facts:
    return unreachable(changes.node(changes.healthy(), online=False, unclean=True), "datasource-2")


def refusal(stack: Stack, facts: Facts, host: str, *, saved: bool = False) -> str | None:
    return preconditions.refusal(Candidate(stack, facts, host, saved))
