"""Compares the cloud with Pulumi's state. Only `list_resources` sends requests; repairs are functions in the drifts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from openstack.connection import Connection

from components.preflight.state import (
    ADDRESS,
    GROUP,
    NETWORK,
    PORT,
    ROUTER,
    ROUTER_INTERFACE,
    RULE,
    SERVER,
    SERVER_GROUP,
    SUBNET,
    Resource,
    State,
)
from ops.cloud import hard_reboot
from ops.cloud.hard_reboot import FROZEN
from ops.drift.hosts import Drift
from roles import DATABASE, DATASOURCE_NODE

# Type -> row of the table, name of the kind, and function that lists it.
KINDS: Mapping[str, tuple[str, str, Callable[[Connection], Iterable[Any]]]] = {
    SERVER: ("servers", "server", lambda cloud: cloud.compute.servers()),
    SERVER_GROUP: (
        "servers",
        "server group",
        lambda cloud: cloud.compute.server_groups(),
    ),
    NETWORK: ("network", "network", lambda cloud: cloud.network.networks()),
    SUBNET: ("network", "subnet", lambda cloud: cloud.network.subnets()),
    ROUTER: ("network", "router", lambda cloud: cloud.network.routers()),
    PORT: ("ports", "port", lambda cloud: cloud.network.ports()),
    GROUP: ("security groups", "group", lambda cloud: cloud.network.security_groups()),
    RULE: ("security groups", "rule", lambda cloud: cloud.network.security_group_rules()),
    ADDRESS: ("floating IPs", "floating IP", lambda cloud: cloud.network.ips()),
}
# A router's interface is listed as a port.
LISTED_AS = {ROUTER_INTERFACE: PORT}
# nova's status -> openstacksdk's method that ends it, and its description.
POWER = {
    "SHUTOFF": ("start_server", "starts it"),
    "PAUSED": ("unpause_server", "unpauses it"),
    "SUSPENDED": ("resume_server", "resumes it"),
}
BOOT = 120  # seconds

# Type -> id -> openstacksdk's object.
CloudInventory = Mapping[str, Mapping[str, Any]]


def list_resources(cloud: Connection) -> CloudInventory:
    """All resources of these kinds in the project. The kinds are listed in parallel."""
    with ThreadPoolExecutor(len(KINDS)) as pool:
        lists = pool.map(lambda kind: {existing.id: existing for existing in kind[2](cloud)}, KINDS.values())
        return dict(zip(KINDS, lists, strict=True))


def summaries(view: CloudInventory | None, state: State) -> dict[str, str]:
    """Row -> how many of the stack's resources exist."""
    counts_by_row: dict[str, list[str]] = {}
    for type_, (row, kind, _) in KINDS.items():
        wanted = state.of(type_)
        if view is not None and wanted:
            present = f"{len(wanted.keys() & view[type_].keys())} of {len(wanted)} {kind}s"
            counts_by_row.setdefault(row, []).append(present)
        else:
            counts_by_row.setdefault(row, [])
    return {row: ", ".join(counts) for row, counts in counts_by_row.items() if counts or view is None}


def compare(view: CloudInventory, state: State) -> Iterator[Drift]:
    """All differences between cloud and state."""
    yield from _servers(view, state)
    yield from _missing(view, state)
    yield from _ports(view, state)
    yield from _rules(view, state)
    yield from _addresses(view, state)


def hosts_not_running(view: CloudInventory, state: State) -> set[str]:
    """Hosts whose servers are missing or not ACTIVE."""
    existing = view[SERVER]
    return {
        s.name
        for id_, s in state.of(SERVER).items()
        if id_ not in existing or existing[id_].status != "ACTIVE"
    }


def _servers(view: CloudInventory, state: State) -> Iterator[Drift]:
    wanted = state.of(SERVER)
    # If there are several hosts, a new one copies the data of the others.
    only_database = sum(server.name.startswith(DATABASE.host) for server in wanted.values()) == 1
    for id_, server in wanted.items():
        name = server.inputs["name"]
        others = [o for o in view[SERVER].values() if o.name == name and o.id not in wanted]
        for other in others:
            what = f"a server {name} ({other.id}) is not the stack's"
            remedy = f"unless somebody changes the stack just now: openstack server delete {other.id}"
            if id_ not in view[SERVER]:
                # It may hold the data.
                remedy = "a newer copy of the state has it: work there (docs/recover.md, This state is old)"
            yield Drift("servers", what, remedy, by_hand=True)
        if (existing := view[SERVER].get(id_)) is None:
            remedy = "creates it again"
            if server.protected:
                remedy = f"make up GONE={name}, which creates an empty one; then, with a backup: make restore FILE=..."
            elif server.name == DATABASE.host and only_database:
                remedy += ", empty; with the data of a backup: make replace HOST=database FILE=..."
            what = f"{server.name}: the cloud has no server {name} ({id_})"
            yield Drift("servers", what, remedy, by_hand=server.protected)
        # It was fenced or will be, so its datasource node must not simply resume.
        elif existing.status in FROZEN and f"{server.name}-cluster" in state.steps(server.name):
            yield Drift(
                "servers",
                f"{server.name} is {existing.status}",
                "reboots it hard",
                call=partial(_reboot, id_),
            )
        elif existing.status in POWER:
            verb, remedy = POWER[existing.status]
            yield Drift(
                "servers", f"{server.name} is {existing.status}", remedy, call=partial(_power, id_, verb)
            )
        elif existing.status != "ACTIVE":
            remedy = f"openstack server show {id_}; make status"
            yield Drift("servers", f"{server.name} is {existing.status}", remedy, by_hand=True)


def _power(id_: str, verb: str, cloud: Connection) -> None:
    getattr(cloud.compute, verb)(id_)
    cloud.compute.wait_for_server(cloud.compute.get_server(id_), wait=BOOT)


def _reboot(id_: str, cloud: Connection) -> None:
    cloud.compute.reboot_server(id_, "HARD")
    cloud.compute.wait_for_server(cloud.compute.get_server(id_), wait=BOOT)


def _missing(view: CloudInventory, state: State) -> Iterator[Drift]:
    """Missing resources except servers. Rules of a missing group are not listed."""
    for resource in state.resources:
        type_ = LISTED_AS.get(resource.type, resource.type)
        if type_ == SERVER or type_ not in KINDS or resource.id in view[type_]:
            continue
        if resource.type == RULE and resource.inputs["securityGroupId"] not in view[GROUP]:
            continue
        row, kind, _ = KINDS[type_]
        other_address = ", with another address" if type_ == ADDRESS else ""
        yield Drift(row, f"{kind} {resource.name} is gone", f"creates it again{other_address}")


def _ports(view: CloudInventory, state: State) -> Iterator[Drift]:
    """Ports with other security groups, which a refresh misses: the provider reads them into another attribute."""
    names = {id_: group.name for id_, group in view[GROUP].items()}
    for id_, port in state.of(PORT).items():
        if (existing := view[PORT].get(id_)) is None:
            continue
        wanted, present = set(port.inputs["securityGroupIds"]), set(existing.security_group_ids)
        if wanted != present:
            shown = ", ".join(sorted(names.get(group, group) for group in present)) or "none"
            what = f"port {port.name} has other security groups: {shown}"
            remedy, call = "restores them", partial(_set_groups, id_, wanted)
            if not present and (server := _of_the_pair(port, state)):
                remedy, call = (
                    f"pauses or stops {server.name} and reboots it hard, then restores them",
                    partial(_readmit, server.id, id_, wanted),
                )
            yield Drift("ports", what, remedy, call=call)
        pairs = {pair["ipAddress"] for pair in port.inputs.get("allowedAddressPairs") or ()}
        if pairs != {pair["ip_address"] for pair in existing.allowed_address_pairs or ()}:
            what = f"port {port.name} has other address pairs: {_address_pairs(existing)}"
            yield Drift("ports", what, "restores them", call=partial(_set_pairs, id_, pairs))
        if not existing.is_admin_state_up:
            yield Drift("ports", f"port {port.name} is switched off", "switches it on")


def _set_groups(port: str, groups: set[str], cloud: Connection) -> None:
    cloud.network.update_port(port, security_groups=sorted(groups))


def _address_pairs(port: Any) -> str:
    return ", ".join(sorted(pair["ip_address"] for pair in port.allowed_address_pairs or ())) or "none"


def _set_pairs(port: str, pairs: set[str], cloud: Connection) -> None:
    wanted = [{"ip_address": address} for address in sorted(pairs)]
    cloud.network.update_port(port, allowed_address_pairs=wanted)


def _of_the_pair(port: Resource, state: State) -> Resource | None:
    """The server of a port if it belongs to the pair of datasource node hosts, else None."""
    servers = {server.name: server for server in state.of(SERVER).values()}
    host = port.name.removesuffix("-port")
    return servers.get(host) if re.fullmatch(DATASOURCE_NODE.host_pattern, host) else None


def _readmit(server: str, port: str, groups: set[str], cloud: Connection) -> None:
    """Hard-reboot it first: a host confirmed dead may still run its datasource node, which must not reach the bus."""
    hard_reboot.reboot(server, cloud)
    _set_groups(port, groups, cloud)


def _rules(view: CloudInventory, state: State) -> Iterator[Drift]:
    """Rules in the cloud that are not in the state, which `pulumi refresh` cannot see.

    Neutron creates each group with rules that allow all egress. The program deletes them when it creates a group.
    Groups of an older version still have them, and need them until the next `up` has made the stack's own egress rules.
    """
    recorded = state.of(RULE)
    own_ways_out = {
        r.inputs["securityGroupId"] for r in recorded.values() if r.inputs["direction"] == "egress"
    }
    for id_, group in state.of(GROUP).items():
        if id_ not in view[GROUP]:
            continue
        present = [rule for rule in view[RULE].values() if rule.security_group_id == id_]
        for rule in present:
            if rule.id not in recorded and (id_ in own_ways_out or not _lets_all_out(rule)):
                what = f"group {group.name} has a rule that is not the stack's: {described(rule, view)}"
                yield Drift("security groups", what, "removes it", call=partial(_delete_rule, rule.id))


def _lets_all_out(rule: Any) -> bool:
    sides = (rule.remote_ip_prefix, rule.remote_group_id, rule.remote_address_group_id)
    return rule.direction == "egress" and not any((rule.protocol, rule.port_range_min, *sides))


def described(rule: Any, view: CloudInventory) -> str:
    """Such as `ingress tcp 22 from 0.0.0.0/0`."""
    group = view[GROUP].get(rule.remote_group_id)
    side = rule.remote_ip_prefix or (group.name if group else rule.remote_group_id) or "anywhere"
    first, last = rule.port_range_min, rule.port_range_max
    ports = "all ports" if first is None else str(first) if first == last else f"{first}-{last}"
    towards = "from" if rule.direction == "ingress" else "to"
    return f"{rule.direction} {rule.ether_type} {rule.protocol or 'any'} {ports} {towards} {side}"


def _delete_rule(id_: str, cloud: Connection) -> None:
    cloud.network.delete_security_group_rule(id_)


def _addresses(view: CloudInventory, state: State) -> Iterator[Drift]:
    ports: Mapping[str, Resource] = state.of(PORT)
    for id_, address in state.of(ADDRESS).items():
        existing, wanted = view[ADDRESS].get(id_), address.inputs["portId"]
        # A missing port is a drift of its own, and detaches its address.
        if existing is not None and existing.port_id != wanted and wanted in view[PORT]:
            where = ports[wanted].name if wanted in ports else wanted
            what = f"{existing.floating_ip_address} is not attached to {where}"
            yield Drift("floating IPs", what, "attaches it")
