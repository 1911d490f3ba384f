"""Whether a host may be replaced: not while it is the last one that does its work. Asks nothing."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus

import roles
from ops.health.assessment_pair import NODE, not_done
from ops.health.facts import Cluster, EngineState, EngineView, Facts, Node, Unseen
from ops.stack.outputs import Stack


def refusal(stack: Stack, facts: Facts, host: str, *, saved: bool = False, kept: str = "") -> str | None:
    """Why not, with the way out; None when nothing speaks against it. A host that is broken itself may go.

    `saved`: the database's data is in a file already; `kept`: a file that it was in, before others may have written.
    """
    role = stack.hosts[host].role
    bastion = next(name for name, known in stack.hosts.items() if known.role == roles.BASTION.name)
    if host != bastion and (problem := facts.hosts[bastion].ssh):
        return (
            f"the bastion cannot be reached ({problem}), nor any host behind it: make replace HOST={bastion}"
        )
    match role:
        case roles.POLICY_ENGINE.name:
            return _last_engine(facts, host)
        case roles.DATASOURCE_NODE.name:
            return _may_live(stack, facts, host) or _last_of_the_pair(stack, facts, host)
        case roles.DATABASE.name:
            return _data_at_risk(facts, host, saved=saved, kept=kept)
    return None


def _last_engine(facts: Facts, host: str) -> str | None:
    here = [node_id for node_id, engine in facts.engines.items() if engine.host == host]
    work = {node_id for node_id, engine in facts.engines.items() if works(engine)}
    if work and work <= set(here):
        others = ", ".join(sorted(facts.engines.keys() - set(here)))
        return f"{', '.join(sorted(work))} is the last engine that works: mend {others} first (make status)"
    return None


def works(engine: EngineState) -> bool:
    """Whether it answers requests."""
    active = isinstance(engine.unit, tuple) and engine.unit[0] == "active"
    return active and isinstance(engine.view, EngineView) and engine.view.code == HTTPStatus.OK


def nobody_writes(facts: Facts) -> bool:
    """Whether all is stopped that writes into the database, as a replacement that was cut off leaves it."""
    engines = all(
        isinstance(engine.unit, tuple) and engine.unit[0] in {"inactive", "failed"}
        for engine in facts.engines.values()
    )
    views = [view for view in facts.clusters.values() if isinstance(view, Cluster)]
    nodes = [resource for view in views for resource in view.resources if resource.id == NODE]
    return engines and bool(nodes) and not any(node.nodes for node in nodes)


def _data_at_risk(facts: Facts, host: str, *, saved: bool, kept: str) -> str | None:
    for name, known in facts.hosts.items():
        # For good data, every Congress must be stopped before the database goes.
        if roles.by_name(known.role).runs_congress and known.ssh:
            return f"{name} cannot be reached ({known.ssh}), and what writes there must stop: mend it first"
    if isinstance(facts.database, Unseen) and not saved:
        why = facts.hosts[host].ssh or facts.database.why
        if kept:
            return (
                f"MariaDB on {host} does not answer ({why}), and since an earlier run kept its data in {kept} "
                f"others may have written: mend it (make status), or: make replace HOST={host} FILE={kept}"
            )
        return (
            f"MariaDB on {host} does not answer ({why}), so its data cannot be saved: mend it (make status), "
            f"or load a backup into a new one: make replace HOST={host} FILE=..."
        )
    return None


def _may_live(stack: Stack, facts: Facts, host: str) -> str | None:
    """A server whose compute host is down is deleted in nova's books alone, so its end would be no proof.

    After `make confirm-dead` the other host holds it for off.
    """
    view = facts.clusters[other_of_the_pair(stack, host)]
    node = member(view.nodes, stack.hosts[host].server) if isinstance(view, Cluster) else None
    if isinstance(view, Cluster) and (node is None or not node.unclean):
        return None
    if (order := not_done(stack.hosts[host].server, facts)) is None:
        return None
    return (
        f"nova took the order to stop {host} ({order[1]}) and does not carry it out, so it would delete the server in "
        "its books alone: when the cloud's operator says that this compute host is down: "
        f"make confirm-dead HOST={host}"
    )


def _last_of_the_pair(stack: Stack, facts: Facts, host: str) -> str | None:
    other = other_of_the_pair(stack, host)
    if not _useful(stack, facts, host) or _useful(stack, facts, other):
        return None
    return f"{other} could not run the datasource node meanwhile: mend or replace it first (make status)"


def _useful(stack: Stack, facts: Facts, host: str) -> bool:
    """Whether the host is reached, and a member of the cluster that may run the datasource node."""
    view = facts.clusters[host]
    if facts.hosts[host].ssh or not isinstance(view, Cluster):
        return False
    node = member(view.nodes, stack.hosts[host].server)
    return node is not None and in_the_cluster(node) and not node.standby and not node.maintenance


def other_of_the_pair(stack: Stack, host: str) -> str:
    return next(
        name
        for name, known in stack.hosts.items()
        if known.role == roles.DATASOURCE_NODE.name and name != host
    )


def member(nodes: Iterable[Node], server: str) -> Node | None:
    return next((node for node in nodes if node.name == server), None)


def in_the_cluster(node: Node) -> bool:
    return node.online and not node.unclean and not node.pending
