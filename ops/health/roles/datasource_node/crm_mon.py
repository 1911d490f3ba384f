"""From the XML of crm_mon (Pacemaker 2.1) and the CIB's constraints to a Cluster."""

from __future__ import annotations

# Safe to parse: both texts come from Pacemaker on our own hosts.
from xml.etree import ElementTree as ET

from ops.health.roles.datasource_node.cluster import Cluster, Failure, FenceEvent, Node, Resource

# Prefixes of the constraints that `crm resource ban` and `move` create.
MOVE_PREFIXES = ("cli-ban-", "cli-prefer-")


def cluster(crm_mon: str, constraints: str) -> Cluster:
    """`constraints`: the CIB's section, "" if it is not available. Raises ValueError for unexpected text."""
    try:
        document = ET.fromstring(crm_mon)  # noqa: S314
        section = ET.fromstring(constraints or "<constraints/>")  # noqa: S314
    except ET.ParseError as error:
        raise ValueError(f"no XML of crm_mon or cibadmin ({error})") from None
    options = document.find("summary/cluster_options")
    dc = document.find("summary/current_dc")
    if options is None or dc is None:
        raise ValueError("crm_mon reports no cluster yet")
    return Cluster(
        quorum=_true(dc, "with_quorum"),
        maintenance=_true(options, "maintenance-mode"),
        stonith_enabled=_true(options, "stonith-enabled"),
        nodes=tuple(_node(node) for node in document.iterfind("nodes/node")),
        resources=tuple(_resource(resource) for resource in document.iterfind("resources//resource")),
        failures=tuple(_failure(failure) for failure in document.iterfind("failures/failure")),
        fence_events=tuple(_event(event) for event in document.iterfind("fence_history/fence_event")),
        move_constraints=tuple(
            location.get("id", "")
            for location in section.iter("rsc_location")
            if location.get("id", "").startswith(MOVE_PREFIXES)
        ),
    )


def _true(element: ET.Element, name: str) -> bool:
    return element.get(name) == "true"


def _node(node: ET.Element) -> Node:
    return Node(
        name=node.get("name", "?"),
        online=_true(node, "online"),
        standby=_true(node, "standby") or _true(node, "standby_onfail"),
        maintenance=_true(node, "maintenance"),
        unclean=_true(node, "unclean"),
        pending=_true(node, "pending"),
    )


def _resource(resource: ET.Element) -> Resource:
    return Resource(
        id=resource.get("id", "?"),
        agent=resource.get("resource_agent", ""),
        role=resource.get("role", "?"),
        nodes=tuple(node.get("name", "?") for node in resource.iterfind("node")),
        failed=_true(resource, "failed"),
        blocked=_true(resource, "blocked"),
        managed=_true(resource, "managed"),
    )


def _failure(failure: ET.Element) -> Failure:
    # A failed operation has a key, resource_task_interval; a failed connection has an id.
    key = failure.get("op_key") or failure.get("id") or "?"
    task = failure.get("task", "?")
    reason = ": ".join(filter(None, (failure.get("exitstatus"), failure.get("exitreason"))))
    return Failure(key.rsplit(f"_{task}_", 1)[0], failure.get("node", "?"), task, reason)


def _event(event: ET.Element) -> FenceEvent:
    return FenceEvent(
        event.get("action", "?"),
        event.get("target", "?"),
        event.get("status", "?"),
        event.get("exit-reason", ""),
    )
