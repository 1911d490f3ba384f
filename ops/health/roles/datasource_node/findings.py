"""Findings about the pair of datasource node hosts: cluster, fencing and the datasource node. Sends no requests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from ops.health.facts import Facts, Unseen
from ops.health.finding import Finding, note, wrong
from ops.health.roles.datasource_node.cluster import NODE, Cluster, FenceEvent, Node, Process
from ops.health.roles.messaging import MessagingHealth

if TYPE_CHECKING:
    from ops.health.roles.datasource_node import DatasourceNodeHealth

# nova's task states during a fencing.
FENCING_TASKS = ("pausing", "powering-off", "reboot")


def pair(health: DatasourceNodeHealth, facts: Facts) -> Iterator[Finding]:
    views = {host: observed for host, observed in health.clusters.items() if isinstance(observed, Cluster)}
    yield from _once(
        finding for host, view in health.clusters.items() for finding in _cluster(facts, host, view)
    )
    yield from _once(finding for view in views.values() for finding in _fencing(view))
    yield from _once(finding for view in views.values() for finding in _resource(view))
    yield from _node(health, facts)


def _once(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Each finding once: both hosts usually report the same, though the way out may name either of them."""
    last_failure = set()
    for finding in findings:
        if finding.what not in last_failure:
            last_failure.add(finding.what)
            yield finding


def _cluster(facts: Facts, host: str, view: Cluster | Unseen) -> Iterator[Finding]:
    if isinstance(view, Unseen):
        if not view.explained:
            way_out = (
                f"on {host}: sudo systemctl start corosync pacemaker; sudo journalctl -u pacemaker -n 50"
            )
            yield wrong("cluster", f"Pacemaker on {host} does not answer: {view.why}", way_out)
        return
    if not view.quorum:
        yield wrong("cluster", "the pair has no quorum", "repair the other host: see servers")
    if view.maintenance:
        way_out = f"on {host}: sudo crm configure property maintenance-mode=false"
        yield wrong(
            "cluster",
            "maintenance mode: Pacemaker does not recover the datasource node after a fault",
            way_out,
        )
    for node in view.nodes:
        yield from _member(node, host, facts)
    for name in view.move_constraints:
        way_out = f"on {host}: sudo crm resource clear {NODE}"
        if name.startswith("cli-ban-"):
            yield wrong("cluster", f"a move left {name}: {NODE} cannot run on that host", way_out)
        else:
            yield note("cluster", f"a move left {name}: {NODE} would fail back to that host", way_out)


def _member(node: Node, host: str, facts: Facts) -> Iterator[Finding]:
    if node.unclean and (order := pending_fencing(node.name, facts)):
        name, task = order
        what = (
            f"{node.name} is lost, and nova accepted the request to stop it ({task}) but does not carry it out: its "
            "compute host is down, or cut off from nova"
        )
        way_out = (
            f"wait two minutes: {host} isolates it and takes over; if it does not (see fencing), and the cloud's "
            f"operator confirms that this compute host is down: make confirm-dead HOST={name}"
        )
        yield wrong("cluster", what, way_out)
    elif node.unclean:
        way_out = "see fencing; without fencing, make sure that the server is off, then: sudo stonith_admin --confirm"
        yield wrong("cluster", f"{node.name} is lost and not fenced yet", f"{way_out} {node.name}")
    elif node.pending:
        way_out = (
            "wait half a minute; if it stays so, its Pacemaker does not run, nor does the datasource node here: "
            f"on {node.name}: sudo systemctl start pacemaker; or on {host}, which then serves: "
            f"sudo stonith_admin --reboot {node.name}"
        )
        yield wrong("cluster", f"{node.name} is joining", way_out)
    elif not node.online:
        way_out = f"see servers; on {node.name}: sudo systemctl start corosync pacemaker"
        yield wrong("cluster", f"{node.name} is offline: no standby", way_out)
    elif node.standby or node.maintenance:
        word, command = ("standby", "online") if node.standby else ("maintenance", "ready")
        way_out = f"on {host}: sudo crm node {command} {node.name}"
        yield wrong("cluster", f"{node.name} is in {word}: no standby for the datasource node", way_out)


def pending_fencing(server: str, facts: Facts) -> tuple[str, str] | None:
    """Name and nova task of a host whose fencing nova accepted but does not carry out, else None."""
    for name, host in facts.hosts.items():
        if host.server == server and host.ssh is not None and host.task.startswith(FENCING_TASKS):
            return name, host.task
    return None


def _fencing(view: Cluster) -> Iterator[Finding]:
    if not view.fencing:
        if view.stonith_enabled:
            way_out = "make up; without a device a lost host blocks the datasource node"
            yield wrong("fencing", "enabled, but there is no device", way_out)
        else:
            what = "none: a network partition between the two hosts lets both run a datasource node"
            yield note("fencing", what, "set datasourceNode.fencing: openstack, then: make up")
        return
    if not view.stonith_enabled:
        yield wrong("fencing", "there are devices, but stonith-enabled is false", "make up")
    for device in view.fencing:
        last_failure = next((f for f in view.failures if f.resource == device.id), None)
        if device.started or (last_failure is None and _starts_nothing(view)):
            continue
        last = (
            f", last failure: {last_failure.task} on {last_failure.node}: {last_failure.reason}"
            if last_failure
            else ""
        )
        way_out = f"check the credential and the cloud's API, then: sudo crm resource cleanup {device.id}"
        yield wrong("fencing", f"device {device.id} is {device.state}{last}", way_out)
    online = {node.name for node in view.nodes if node.online and not node.unclean}
    for event in _last_failed(view.fence_events):
        what = f"{event.action} of {event.target} failed"
        forget = f"sudo stonith_admin --history {event.target} --cleanup"
        if event.target in online:
            yield note(
                "fencing",
                f"an earlier {what}, but the host is in the cluster again",
                f"to clear it: {forget}",
            )
        else:
            why = event.reason or "no reason given"
            yield wrong("fencing", f"{what}: {why}", f"sudo stonith_admin --history '*' -V; then: {forget}")


def _starts_nothing(view: Cluster) -> bool:
    """Whether Pacemaker waits for a host or for quorum, which has a finding of its own."""
    return not view.quorum or any(node.pending for node in view.nodes)


def _last_failed(events: Iterable[FenceEvent]) -> Iterator[FenceEvent]:
    """Failures without a later success. `events`: newest first."""
    decided = set()
    for event in events:
        if event.target not in decided and event.status in {"success", "failed"}:
            decided.add(event.target)
            if event.status == "failed":
                yield event


def _resource(view: Cluster) -> Iterator[Finding]:
    node = next((resource for resource in view.resources if resource.id == NODE), None)
    if node is None:
        yield wrong("datasource node", f"Pacemaker has no resource {NODE}", "make up")
        return
    clean = f"sudo crm resource cleanup {NODE}"
    if not node.managed and not view.maintenance:
        yield wrong("datasource node", f"{NODE} is not managed", f"sudo crm resource manage {NODE}")
    if node.blocked:
        yield wrong("datasource node", f"{NODE} is blocked: a stop failed and nobody was fenced", clean)
    elif not node.started:
        way_out = f"sudo crm resource start {NODE}; {clean}; sudo journalctl -t congress-server -n 50"
        if _starts_nothing(view):
            way_out = "it starts when the cluster is complete: see cluster"
        yield wrong("datasource node", f"Pacemaker does not run {NODE}: {node.state}", way_out)
    for failure in view.failures:
        if failure.resource == NODE:
            what = f"{failure.task} failed on {failure.node}: {failure.reason}"
            if node.started:
                yield note("datasource node", f"{what}; it was recovered", "cleared after two minutes")
            else:
                yield wrong("datasource node", what, clean)


def _node(health: DatasourceNodeHealth, facts: Facts) -> Iterator[Finding]:
    observed = {
        host: processes for host, processes in health.processes.items() if not isinstance(processes, Unseen)
    }
    every: list[tuple[str, Process]] = [
        (host, process) for host, processes in observed.items() for process in processes
    ]
    running = ", ".join(f"{host} (pid {process.pid})" for host, process in every)
    if len(every) > 1:
        way_out = "on the host that Pacemaker does not name: sudo kill PID; then see cluster and fencing"
        yield wrong("datasource node", f"{len(every)} datasource nodes run: {running}", way_out)
    elif not every and len(observed) == len(health.processes):
        yield wrong("datasource node", "no datasource node runs", "see Pacemaker's view: sudo crm_mon -1")
    for host, process in every:
        if process.state.startswith(("T", "Z", "D")):
            what = f"process {process.pid} on {host} is in state {process.state[0]} and cannot work"
            way_out = (
                f"on {host}: sudo kill -CONT {process.pid}, or sudo kill -KILL {process.pid}: it is restarted"
            )
            yield wrong("datasource node", what, way_out)
    bus = facts[MessagingHealth].bus
    if not isinstance(bus, Unseen) and bus.consumers != 1:
        what = f"{bus.consumers} datasource nodes on the bus instead of one"
        yield wrong(
            "datasource node", what, "the bus drops a lost one within 20 s; then check the processes above"
        )
    pings = health.pings.values()
    if pings and all(isinstance(ping, Unseen) for ping in pings):
        reasons = [ping.why for ping in pings if isinstance(ping, Unseen) and not ping.explained]
        if reasons:
            way_out = "its watchdog ends it by itself; to do it at once: sudo crm resource restart ds-node"
            yield wrong("datasource node", f"it does not answer a ping over the bus: {reasons[0]}", way_out)
