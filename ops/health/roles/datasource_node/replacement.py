"""When a host of the pair must not be replaced. Only evaluates facts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ops.health.role_health import Candidate
from ops.health.roles.datasource_node.cluster import Cluster
from ops.health.roles.datasource_node.findings import pending_fencing

if TYPE_CHECKING:
    from ops.health.roles.datasource_node import DatasourceNodeHealth


def may_still_run(health: DatasourceNodeHealth, candidate: Candidate) -> str | None:
    """Refuses if the compute host is down: nova then deletes the server only in its database; the guest may run on.

    After `make confirm-dead` the other host regards the host as off.
    """
    host, server = candidate.host, candidate.stack.hosts[candidate.host].server
    view = health.clusters[candidate.stack.other(host)]
    node = view.member(server) if isinstance(view, Cluster) else None
    if isinstance(view, Cluster) and (node is None or not node.unclean):
        return None
    if (order := pending_fencing(server, candidate.facts)) is None:
        return None
    return (
        f"nova accepted the request to stop {host} ({order[1]}) but does not carry it out, so a deletion would change "
        "only nova's database: when the cloud's operator confirms that this compute host is down: "
        f"make confirm-dead HOST={host}"
    )


def last_of_the_pair(health: DatasourceNodeHealth, candidate: Candidate) -> str | None:
    other = candidate.stack.other(candidate.host)
    if not _can_run_the_node(health, candidate, candidate.host) or _can_run_the_node(
        health, candidate, other
    ):
        return None
    return f"{other} cannot run the datasource node meanwhile: repair or replace it first (make status)"


def _can_run_the_node(health: DatasourceNodeHealth, candidate: Candidate, host: str) -> bool:
    """Whether the host is reachable, and a cluster member that may run the datasource node."""
    view = health.clusters[host]
    if candidate.facts.hosts[host].ssh or not isinstance(view, Cluster):
        return False
    node = view.member(candidate.stack.hosts[host].server)
    return node is not None and node.is_in_cluster and not node.standby and not node.maintenance
