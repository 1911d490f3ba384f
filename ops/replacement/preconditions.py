"""Whether a host may be replaced: not while it is the last working one of its role. Only evaluates facts."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus

import roles
from ops.health.facts import Facts, Unseen
from ops.health.roles.database import DatabaseHealth
from ops.health.roles.datasource_node import DatasourceNodeHealth
from ops.health.roles.datasource_node.cluster import NODE, Cluster, Node
from ops.health.roles.datasource_node.findings import pending_fencing
from ops.health.roles.load_balancer import LoadBalancerHealth, Shares
from ops.health.roles.messaging import MessagingHealth
from ops.health.roles.policy_engine import PolicyEngineHealth
from ops.health.roles.policy_engine.engine import EngineState, EngineView
from ops.stack.outputs import Stack


def refusal(
    stack: Stack, facts: Facts, host: str, *, saved: bool = False, backup_file: str = ""
) -> str | None:
    """Why the host must not be replaced, with the way out; None if it may be. A broken host may always be replaced.

    `saved`: the database's data is already in a file. `backup_file`: a file of an earlier run, "" if there is none; the
    database may have changed since.
    """
    role = stack.hosts[host].role
    bastion = next(name for name, described in stack.hosts.items() if described.role == roles.BASTION.name)
    if host != bastion and (problem := facts.hosts[bastion].ssh):
        return (
            f"the bastion cannot be reached ({problem}), nor any host behind it: make replace HOST={bastion}"
        )
    reason = None
    match role:
        case roles.POLICY_ENGINE.name:
            reason = _last_engine(facts, host)
        case roles.DATASOURCE_NODE.name:
            reason = _may_still_run(stack, facts, host) or _last_of_the_pair(stack, facts, host)
        case roles.LOAD_BALANCER.name:
            reason = _last_load_balancer(facts, host)
        case roles.MESSAGING.name:
            reason = _majority_of_the_bus(facts, host)
        case roles.DATABASE.name:
            reason = _data_at_risk(facts, host, saved=saved, backup_file=backup_file)
    return reason


def _last_engine(facts: Facts, host: str) -> str | None:
    engines = facts[PolicyEngineHealth].engines
    here = [node_id for node_id, engine in engines.items() if engine.host == host]
    work = {node_id for node_id, engine in engines.items() if is_serving(engine)}
    if work and work <= set(here):
        others = ", ".join(sorted(engines.keys() - set(here)))
        return f"{', '.join(sorted(work))} is the last working engine: repair {others} first (make status)"
    return None


def _last_load_balancer(facts: Facts, host: str) -> str | None:
    """Refuses only with several load balancers: the replacement of a single one is an outage in any case."""
    health = facts[LoadBalancerHealth]
    able = [name for name in health.balancers if _can_hold_the_address(health, name)]
    others = [name for name in health.balancers if name != host]
    if others and able == [host]:
        return f"{host} is the last working load balancer: repair {', '.join(others)} first (make status)"
    return None


def _can_hold_the_address(health: LoadBalancerHealth, host: str) -> bool:
    part = health.addresses.get(host)
    return (
        isinstance(part, Shares)
        and part.keepalived == "active"
        and not isinstance(health.balancers[host], Unseen)
    )


def _majority_of_the_bus(facts: Facts, host: str) -> str | None:
    """Refuses only with several hosts, of which a majority must serve."""
    members = facts[MessagingHealth].members
    lost = [name for name, seen in members.items() if name != host and isinstance(seen, Unseen)]
    if not lost or isinstance(members[host], Unseen):
        return None
    return f"without {host}, no majority of the message bus would be left: repair {', '.join(lost)} first (make status)"


def is_serving(engine: EngineState) -> bool:
    """Whether the engine's unit is active and answers GET /health with 200."""
    active = isinstance(engine.unit, tuple) and engine.unit[0] == "active"
    return active and isinstance(engine.view, EngineView) and engine.view.code == HTTPStatus.OK


def all_writers_stopped(facts: Facts) -> bool:
    """Whether all engines and the datasource node are stopped, as an interrupted replacement leaves them."""
    engines = all(
        isinstance(engine.unit, tuple) and engine.unit[0] in {"inactive", "failed"}
        for engine in facts[PolicyEngineHealth].engines.values()
    )
    views = [view for view in facts[DatasourceNodeHealth].clusters.values() if isinstance(view, Cluster)]
    nodes = [resource for view in views for resource in view.resources if resource.id == NODE]
    return engines and bool(nodes) and not any(node.nodes for node in nodes)


def _data_at_risk(facts: Facts, host: str, *, saved: bool, backup_file: str) -> str | None:
    for name, described in facts.hosts.items():
        # For a consistent backup, every Congress process must be stopped first.
        if roles.by_name(described.role).runs_congress and described.ssh:
            return f"{name} cannot be reached ({described.ssh}), and its Congress processes must stop: repair it first"
    database = facts[DatabaseHealth].database
    if isinstance(database, Unseen) and not saved:
        why = facts.hosts[host].ssh or database.why
        if backup_file:
            return (
                f"MariaDB on {host} does not answer ({why}), and its data may have changed since an earlier run saved "
                f"it in {backup_file}: repair it (make status), or: make replace HOST={host} FILE={backup_file}"
            )
        return (
            f"MariaDB on {host} does not answer ({why}), so its data cannot be saved: repair it (make status), "
            f"or load a backup into a new one: make replace HOST={host} FILE=..."
        )
    return None


def _may_still_run(stack: Stack, facts: Facts, host: str) -> str | None:
    """Refuses if the compute host is down: nova then deletes the server only in its database; the guest may run on.

    After `make confirm-dead` the other host regards the host as off.
    """
    view = facts[DatasourceNodeHealth].clusters[other_of_the_pair(stack, host)]
    node = member(view.nodes, stack.hosts[host].server) if isinstance(view, Cluster) else None
    if isinstance(view, Cluster) and (node is None or not node.unclean):
        return None
    if (order := pending_fencing(stack.hosts[host].server, facts)) is None:
        return None
    return (
        f"nova accepted the request to stop {host} ({order[1]}) but does not carry it out, so a deletion would change "
        "only nova's database: when the cloud's operator confirms that this compute host is down: "
        f"make confirm-dead HOST={host}"
    )


def _last_of_the_pair(stack: Stack, facts: Facts, host: str) -> str | None:
    other = other_of_the_pair(stack, host)
    if not _can_run_the_node(stack, facts, host) or _can_run_the_node(stack, facts, other):
        return None
    return f"{other} cannot run the datasource node meanwhile: repair or replace it first (make status)"


def _can_run_the_node(stack: Stack, facts: Facts, host: str) -> bool:
    """Whether the host is reachable, and a cluster member that may run the datasource node."""
    view = facts[DatasourceNodeHealth].clusters[host]
    if facts.hosts[host].ssh or not isinstance(view, Cluster):
        return False
    node = member(view.nodes, stack.hosts[host].server)
    return node is not None and is_in_cluster(node) and not node.standby and not node.maintenance


def other_of_the_pair(stack: Stack, host: str) -> str:
    return next(
        name
        for name, described in stack.hosts.items()
        if described.role == roles.DATASOURCE_NODE.name and name != host
    )


def member(nodes: Iterable[Node], server: str) -> Node | None:
    return next((node for node in nodes if node.name == server), None)


def is_in_cluster(node: Node) -> bool:
    return node.online and not node.unclean and not node.pending
