"""Changes of a healthy deployment's facts, one at a time, for the tests of findings."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ops.health.facts import Backend, Cluster, DatasourceView, EngineView, Facts, PolicyView, Resource, Unseen
from ops.health.finding import Finding
from tests.ops.support.sample_stack import facts

ONE, OTHER = "congress-dev-datasource-1", "congress-dev-datasource-2"
DEVICE = Resource(
    "fence-1", "stonith:fence_any", "Started", (ONE,), failed=False, blocked=False, managed=True
)
HANGS = Unseen("no answer within 4 s")


def healthy() -> Facts:
    """The sample, whose deployment had no fencing, with a device that works."""
    seen = facts()
    return clusters(seen, stonith_enabled=True, resources=(*one_view(seen).resources, DEVICE))


def one_view(seen: Facts) -> Cluster:
    view = seen.clusters["datasource-1"]
    assert isinstance(view, Cluster)
    return view


def clusters(seen: Facts, **changes: Any) -> Facts:
    """Both hosts see the change."""
    return replace(seen, clusters=dict.fromkeys(seen.clusters, replace(one_view(seen), **changes)))


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
    changed = replace(seen.engines["policy-engine-2"], **changes)
    return replace(seen, engines={**seen.engines, "policy-engine-2": changed})


def view(seen: Facts, **changes: Any) -> Facts:
    current = seen.engines["policy-engine-2"].view
    assert isinstance(current, EngineView)
    return engine(seen, view=replace(current, **changes))


def policy(seen: Facts, **changes: Any) -> Facts:
    current = seen.engines["policy-engine-2"].view
    assert isinstance(current, EngineView)
    assert current.policies
    changed: PolicyView = replace(current.policies["acceptance"], **changes)
    return view(long_unchanged(seen), policies={**current.policies, "acceptance": changed})


def long_unchanged(seen: Facts, seconds: int = 3600) -> Facts:
    return database(seen, changed=seconds)


def database(seen: Facts, **changes: Any) -> Facts:
    assert not isinstance(seen.database, Unseen)
    return replace(seen, database=replace(seen.database, **changes))


def bus(seen: Facts, **changes: Any) -> Facts:
    assert not isinstance(seen.bus, Unseen)
    return replace(seen, bus=replace(seen.bus, **changes))


def balancer(seen: Facts, backend: Backend | None) -> Facts:
    (servers,) = seen.balancers.values()
    assert not isinstance(servers, Unseen)
    others = {name: server for name, server in servers.items() if name != "policy-engine-2"}
    changed = others | ({"policy-engine-2": backend} if backend else {})
    return replace(seen, balancers={"load-balancer": changed})


def processes(seen: Facts, **at: Any) -> Facts:
    return replace(seen, processes={f"datasource-{n}": at.get(f"on{n}", ()) for n in (1, 2)})


def broken_datasource(seen: Facts, error: str) -> Facts:
    datasource = DatasourceView(present=True, code=200, last_error=error)
    return view(seen, datasources={"nova": datasource})


def lines(findings: list[Finding]) -> list[str]:
    return [f"{finding.role}: {finding.what}" for finding in findings]
