"""Changes of a healthy deployment's facts, one at a time, for the tests of findings."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ops.health.facts import Facts, Unseen
from ops.health.finding import Finding
from ops.health.role_health import Health
from ops.health.roles.database import DatabaseHealth
from ops.health.roles.datasource_node import DatasourceNodeHealth
from ops.health.roles.datasource_node.cluster import Cluster, Resource
from ops.health.roles.load_balancer import Backend, LoadBalancerHealth
from ops.health.roles.messaging import MessagingHealth
from ops.health.roles.policy_engine import PolicyEngineHealth
from ops.health.roles.policy_engine.engine import DatasourceView, EngineView, PolicyView
from tests.ops.support.sample_stack import facts

ONE, OTHER = "congress-dev-datasource-1", "congress-dev-datasource-2"
DEVICE = Resource(
    "fence-1", "stonith:fence_any", "Started", (ONE,), failed=False, blocked=False, managed=True
)
HANGS = Unseen("no answer within 4 s")


def changed(seen: Facts, kind: type[Health], **changes: Any) -> Facts:
    """Other facts of one role."""
    return replace(seen, health={**seen.health, kind: replace(seen.health[kind], **changes)})  # type: ignore[type-var]


def healthy() -> Facts:
    """The sample, whose deployment had no fencing, with a device that works."""
    seen = facts()
    return clusters(seen, stonith_enabled=True, resources=(*one_view(seen).resources, DEVICE))


def one_view(seen: Facts) -> Cluster:
    view = seen[DatasourceNodeHealth].clusters["datasource-1"]
    assert isinstance(view, Cluster)
    return view


def clusters(seen: Facts, **changes: Any) -> Facts:
    """Both hosts see the change."""
    hosts = seen[DatasourceNodeHealth].clusters
    return changed(
        seen, DatasourceNodeHealth, clusters=dict.fromkeys(hosts, replace(one_view(seen), **changes))
    )


def host(seen: Facts, name: str, **changes: Any) -> Facts:
    return replace(seen, hosts={**seen.hosts, name: replace(seen.hosts[name], **changes)})


def node(seen: Facts, **changes: Any) -> Facts:
    first, second = one_view(seen).nodes
    return clusters(seen, nodes=(first, replace(second, **changes)))


def ds_node(seen: Facts, **changes: Any) -> Facts:
    return clusters(
        seen,
        resources=tuple(replace(r, **changes) if r.id == "ds-node" else r for r in one_view(seen).resources),
    )


def device(seen: Facts, **changes: Any) -> Facts:
    return clusters(seen, resources=(one_view(seen).resources[0], replace(DEVICE, **changes)))


def engine(seen: Facts, **changes: Any) -> Facts:
    engines = seen[PolicyEngineHealth].engines
    other = replace(engines["policy-engine-2"], **changes)
    return changed(seen, PolicyEngineHealth, engines={**engines, "policy-engine-2": other})


def view(seen: Facts, **changes: Any) -> Facts:
    current = seen[PolicyEngineHealth].engines["policy-engine-2"].view
    assert isinstance(current, EngineView)
    return engine(seen, view=replace(current, **changes))


def policy(seen: Facts, **changes: Any) -> Facts:
    current = seen[PolicyEngineHealth].engines["policy-engine-2"].view
    assert isinstance(current, EngineView)
    assert current.policies
    other: PolicyView = replace(current.policies["acceptance"], **changes)
    return view(long_unchanged(seen), policies={**current.policies, "acceptance": other})


def long_unchanged(seen: Facts, seconds: int = 3600) -> Facts:
    return database(seen, changed=seconds)


def database(seen: Facts, **changes: Any) -> Facts:
    current = seen[DatabaseHealth].database
    assert not isinstance(current, Unseen)
    return changed(seen, DatabaseHealth, database=replace(current, **changes))


def bus(seen: Facts, **changes: Any) -> Facts:
    current = seen[MessagingHealth].bus
    assert not isinstance(current, Unseen)
    return changed(seen, MessagingHealth, bus=replace(current, **changes))


def balancer(seen: Facts, backend: Backend | None) -> Facts:
    (current,) = seen[LoadBalancerHealth].balancers.values()
    assert not isinstance(current, Unseen)
    others = {name: server for name, server in current.items() if name != "policy-engine-2"}
    return changed(
        seen,
        LoadBalancerHealth,
        balancers={"load-balancer": others | ({"policy-engine-2": backend} if backend else {})},
    )


def processes(seen: Facts, **at: Any) -> Facts:
    by_host = {f"datasource-{n}": at.get(f"on{n}", ()) for n in (1, 2)}
    return changed(seen, DatasourceNodeHealth, processes=by_host)


def broken_datasource(seen: Facts, error: str) -> Facts:
    datasource = DatasourceView(present=True, code=200, last_error=error)
    return view(seen, datasources={"nova": datasource})


def lines(findings: list[Finding]) -> list[str]:
    return [f"{finding.role}: {finding.what}" for finding in findings]
