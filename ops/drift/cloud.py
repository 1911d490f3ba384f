"""What the cloud has and Pulumi's state has not, and the other way round. `ask` asks, the rest only compares."""

from __future__ import annotations

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
from roles import DATABASE

# Type -> the table's row, what it is called, and how the cloud lists it.
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
# A router's interface is a port of its own.
LISTED_AS = {ROUTER_INTERFACE: PORT}
# nova's status -> how openstacksdk undoes it, and in words.
POWER = {
    "SHUTOFF": ("start_server", "starts it"),
    "PAUSED": ("unpause_server", "unpauses it"),
    "SUSPENDED": ("resume_server", "resumes it"),
}
BOOT = 120  # seconds

# Type -> id -> the cloud's own object.
View = Mapping[str, Mapping[str, Any]]


def ask(cloud: Connection) -> View:
    """Everything of these kinds that the project has; its lists are asked for at once."""
    with ThreadPoolExecutor(len(KINDS)) as pool:
        lists = pool.map(lambda kind: {found.id: found for found in kind[2](cloud)}, KINDS.values())
        return dict(zip(KINDS, lists, strict=True))


def summaries(view: View | None, state: State) -> dict[str, str]:
    """Row -> how many of the stack's are there."""
    seen: dict[str, list[str]] = {}
    for type_, (row, kind, _) in KINDS.items():
        wanted = state.of(type_)
        if view is not None and wanted:
            there = f"{len(wanted.keys() & view[type_].keys())} of {len(wanted)} {kind}s"
            seen.setdefault(row, []).append(there)
        else:
            seen.setdefault(row, [])
    return {row: ", ".join(told) for row, told in seen.items() if told or view is None}


def compare(view: View, state: State) -> Iterator[Drift]:
    """All differences of the cloud."""
    yield from _servers(view, state)
    yield from _gone(view, state)
    yield from _ports(view, state)
    yield from _rules(view, state)
    yield from _addresses(view, state)


def hosts_off(view: View, state: State) -> set[str]:
    """Hosts whose servers are gone or do not run."""
    found = view[SERVER]
    return {
        s.name for id_, s in state.of(SERVER).items() if id_ not in found or found[id_].status != "ACTIVE"
    }


def _servers(view: View, state: State) -> Iterator[Drift]:
    wanted = state.of(SERVER)
    for id_, server in wanted.items():
        name = server.inputs["name"]
        others = [o for o in view[SERVER].values() if o.name == name and o.id not in wanted]
        for other in others:
            what = f"a server {name} ({other.id}) is not the stack's"
            yield Drift("servers", what, f"openstack server delete {other.id}", by_hand=True)
        if (found := view[SERVER].get(id_)) is None:
            mend = "makes it anew"
            if server.protected:
                mend = f"make up GONE={name}, which makes it anew, empty; then, with a backup: make restore FILE=..."
            elif server.name == DATABASE.host:
                mend += ", empty; with the data of a backup: make replace HOST=database FILE=..."
            what = f"{server.name}: the cloud has no server {name} ({id_})"
            yield Drift("servers", what, mend, by_hand=server.protected)
        # It was fenced, or will be: its datasource node must not go on where it was.
        elif found.status in FROZEN and f"{server.name}-cluster" in state.steps(server.name):
            yield Drift(
                "servers", f"{server.name} is {found.status}", "reboots it hard", call=partial(_reboot, id_)
            )
        elif found.status in POWER:
            verb, mend = POWER[found.status]
            yield Drift("servers", f"{server.name} is {found.status}", mend, call=partial(_power, id_, verb))
        elif found.status != "ACTIVE":
            mend = f"openstack server show {id_}; make status"
            yield Drift("servers", f"{server.name} is {found.status}", mend, by_hand=True)


def _power(id_: str, verb: str, cloud: Connection) -> None:
    getattr(cloud.compute, verb)(id_)
    cloud.compute.wait_for_server(cloud.compute.get_server(id_), wait=BOOT)


def _reboot(id_: str, cloud: Connection) -> None:
    cloud.compute.reboot_server(id_, "HARD")
    cloud.compute.wait_for_server(cloud.compute.get_server(id_), wait=BOOT)


def _gone(view: View, state: State) -> Iterator[Drift]:
    """Whatever is missing, but servers; rules go with their group."""
    for resource in state.resources:
        type_ = LISTED_AS.get(resource.type, resource.type)
        if type_ == SERVER or type_ not in KINDS or resource.id in view[type_]:
            continue
        if resource.type == RULE and resource.inputs["securityGroupId"] not in view[GROUP]:
            continue
        row, kind, _ = KINDS[type_]
        another = ", with another address" if type_ == ADDRESS else ""
        yield Drift(row, f"{kind} {resource.name} is gone", f"makes it anew{another}")


def _ports(view: View, state: State) -> Iterator[Drift]:
    """A refresh does not see a port's security groups: OpenStack's provider reads them into another attribute."""
    names = {id_: group.name for id_, group in view[GROUP].items()}
    for id_, port in state.of(PORT).items():
        if (found := view[PORT].get(id_)) is None:
            continue
        wanted, there = set(port.inputs["securityGroupIds"]), set(found.security_group_ids)
        if wanted != there:
            shown = ", ".join(sorted(names.get(group, group) for group in there)) or "none"
            what = f"port {port.name} has other security groups: {shown}"
            mend, call = "sets them back", partial(_set_groups, id_, wanted)
            if not there and (server := _of_the_pair(port, state)):
                mend, call = (
                    f"pauses or stops {server.name} and reboots it hard, then sets them back",
                    partial(_readmit, server.id, id_, wanted),
                )
            yield Drift("ports", what, mend, call=call)
        if not found.is_admin_state_up:
            yield Drift("ports", f"port {port.name} is switched off", "switches it on")


def _set_groups(port: str, groups: set[str], cloud: Connection) -> None:
    cloud.network.update_port(port, security_groups=sorted(groups))


def _of_the_pair(port: Resource, state: State) -> Resource | None:
    """The server of a port, if it is one of the pair's."""
    servers = {server.name: server for server in state.of(SERVER).values()}
    host = port.name.removesuffix("-port")
    return servers.get(host) if f"{host}-cluster" in state.steps(host) else None


def _readmit(server: str, port: str, groups: set[str], cloud: Connection) -> None:
    """One that was confirmed dead may still run its datasource node, which must not reach the bus again."""
    hard_reboot.reboot(server, cloud)
    _set_groups(port, groups, cloud)


def _rules(view: View, state: State) -> Iterator[Drift]:
    """Rules that are there and not in the state, which `pulumi refresh` cannot see.

    Every new group of neutron's has rules that let all out. The program deletes them with the group's birth; groups of
    an older one have them, and need them until the next `up` has made rules of the stack's own.
    """
    known = state.of(RULE)
    own_ways_out = {r.inputs["securityGroupId"] for r in known.values() if r.inputs["direction"] == "egress"}
    for id_, group in state.of(GROUP).items():
        if id_ not in view[GROUP]:
            continue
        there = [rule for rule in view[RULE].values() if rule.security_group_id == id_]
        for rule in there:
            if rule.id not in known and (id_ in own_ways_out or not _lets_all_out(rule)):
                what = f"group {group.name} has a rule that is not the stack's: {described(rule, view)}"
                yield Drift("security groups", what, "removes it", call=partial(_delete_rule, rule.id))


def _lets_all_out(rule: Any) -> bool:
    sides = (rule.remote_ip_prefix, rule.remote_group_id, rule.remote_address_group_id)
    return rule.direction == "egress" and not any((rule.protocol, rule.port_range_min, *sides))


def described(rule: Any, view: View) -> str:
    """Such as `ingress tcp 22 from 0.0.0.0/0`."""
    group = view[GROUP].get(rule.remote_group_id)
    side = rule.remote_ip_prefix or (group.name if group else rule.remote_group_id) or "anywhere"
    first, last = rule.port_range_min, rule.port_range_max
    ports = "all ports" if first is None else str(first) if first == last else f"{first}-{last}"
    towards = "from" if rule.direction == "ingress" else "to"
    return f"{rule.direction} {rule.ether_type} {rule.protocol or 'any'} {ports} {towards} {side}"


def _delete_rule(id_: str, cloud: Connection) -> None:
    cloud.network.delete_security_group_rule(id_)


def _addresses(view: View, state: State) -> Iterator[Drift]:
    ports: Mapping[str, Resource] = state.of(PORT)
    for id_, address in state.of(ADDRESS).items():
        found, wanted = view[ADDRESS].get(id_), address.inputs["portId"]
        # A port that is gone is told of, and took the address off.
        if found is not None and found.port_id != wanted and wanted in view[PORT]:
            where = ports[wanted].name if wanted in ports else wanted
            what = f"{found.floating_ip_address} is not attached to {where}"
            yield Drift("floating IPs", what, "attaches it")
