"""From facts to findings: what is wrong, one line each, with the way out. Sends no requests."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus

from ops.health import disks
from ops.health.assessment_balancer import load_balancer
from ops.health.assessment_pair import pair
from ops.health.facts import DatasourceView, EngineState, EngineView, Facts, HostState, Unseen
from ops.health.finding import Finding, note, unanswered, unseen, wrong
from roles import BASTION, DATABASE, DATASOURCE_NODE

# Share of the database's connections from which the next engine or a burst of requests may get none.
FULL = 0.8
# Days before a certificate's end. Every `up` during the year before renews the stack's own.
ENDS_SOON = 21
# Seconds that an engine's synchronization may take in addition to its period.
SLACK = 2
# Share of a core from which an engine counts as busy. It is single-threaded, so it uses at most 1; less if other
# processes on its host or compute host need the processor.
BUSY = 0.5
# Tables that are named in a finding.
NAMED = 5
# Of one datasource: neutronv2 of a simulated cloud of 10,000 servers (docs/figures.md, On the lab).
MANY_ROWS = 200_000


def assess(facts: Facts) -> list[Finding]:
    """All findings, in the order of the table's rows."""
    return [
        *servers(facts),
        *disks.findings(facts),
        *pair(facts),
        *engines(facts),
        *load_balancer(facts),
        *database(facts),
        *bus(facts),
        *certificates(facts),
    ]


def servers(facts: Facts) -> Iterator[Finding]:
    if facts.cloud is not None:
        yield unseen(
            "servers",
            f"the cloud could not be asked: {facts.cloud}",
            "run it again; if that does not help, check OS_CLOUD, clouds.yaml and the cloud's API",
        )
    bastion_unreachable = any(host.role == BASTION.name and host.ssh for host in facts.hosts.values())
    for name, host in facts.hosts.items():
        yield from _server(name, host, behind=bastion_unreachable and host.role != BASTION.name)
    yield from _same_compute_host(facts)


def _same_compute_host(facts: Facts) -> Iterator[Finding]:
    """Hosts of a role that share a compute host: a server that is older than its role's server group is not in it."""
    places: dict[tuple[str, str], list[str]] = {}
    for name, host in facts.hosts.items():
        places.setdefault((host.role, host.place), []).append(name)
    for (_, place), names in places.items():
        if place and len(names) > 1:
            what = f"{' and '.join(names)} run on the same compute host: one fault would stop them all"
            yield note(
                "servers",
                what,
                f"make replace HOST={names[0]} gives it another compute host, if the cloud has room on one",
            )


def _server(name: str, host: HostState, *, behind: bool) -> Iterator[Finding]:
    match host.status:
        case "missing":
            yield wrong(
                "servers", f"{name}: the cloud has no server {host.server}", f"make replace HOST={name}"
            )
        case "PAUSED" | "SUSPENDED" if host.role == DATASOURCE_NODE.name:
            way_out = (
                f"openstack server reboot --hard {host.server} (make repair does it); resuming it would run its "
                "datasource node beside the other host's"
            )
            yield wrong("servers", f"{name} is {host.status}", way_out)
        case "SHUTOFF" | "PAUSED" | "SUSPENDED":
            verb = {"SHUTOFF": "start", "PAUSED": "unpause", "SUSPENDED": "resume"}[host.status]
            yield wrong("servers", f"{name} is {host.status}", f"openstack server {verb} {host.server}")
        case "ERROR":
            way_out = f"openstack server reboot --hard {host.server}, else make replace HOST={name}"
            fault = f": {host.fault}" if host.fault else ""
            yield wrong("servers", f"{name} is in state ERROR{fault}", way_out)
        case "ACTIVE" if host.role == DATASOURCE_NODE.name and host.isolated:
            what = f"{name} is isolated since it was confirmed dead: its port has no security group"
            yield wrong("servers", what, "make repair: pauses or stops it, reboots it hard, then readmits it")
        case "ACTIVE" | None if host.ssh is not None and not behind:
            yield _unreachable(name, host)
        case "ACTIVE" | None:
            pass
        case other:
            yield wrong("servers", f"{name} is {other}", f"wait, then: openstack server show {host.server}")


def _unreachable(name: str, host: HostState) -> Finding:
    if host.connected:
        return wrong("servers", f"{name}: {host.ssh}", f"overloaded? make ssh HOST={name} ARGS='top -b -n 1'")
    way_out = f"openstack console log show {host.server}; openstack server reboot --hard {host.server}"
    return wrong("servers", f"{name} cannot be reached by SSH: {host.ssh}", way_out)


def engines(facts: Facts) -> Iterator[Finding]:
    for node_id, engine in facts.engines.items():
        yield from _engine(node_id, engine)
    views = {
        node_id: engine.view
        for node_id, engine in facts.engines.items()
        if isinstance(engine.view, EngineView) and engine.view.policies is not None
    }
    changed = facts.database.changed if not isinstance(facts.database, Unseen) else None
    for node_id, view in views.items():
        yield from _incomplete(node_id, view)
        for lacks in _out_of_sync(view, views):
            what = f"{node_id} is not in sync: {lacks}"
            restart = (
                f"on {facts.engines[node_id].host}: sudo systemctl restart congress-policy-engine@{node_id}"
            )
            if changed is not None and changed <= view.sync_period + SLACK:
                yield note("engines", f"{what}, {changed} s after a change", "none needed: at the next sync")
            else:
                yield wrong("engines", what, restart)
    yield from _datasources(views)


def _engine(node_id: str, engine: EngineState) -> Iterator[Finding]:
    unit = f"congress-policy-engine@{node_id}"
    log = f"on {engine.host}: sudo journalctl -u {unit} -n 50"
    if isinstance(engine.unit, tuple) and engine.unit[0] != "active":
        state = " ".join(engine.unit)
        yield wrong("engines", f"{node_id} does not run ({state})", f"{log}; sudo systemctl start {unit}")
    elif isinstance(engine.view, Unseen) and not engine.view.explained and (engine.cpu or 0) >= BUSY:
        what = f"{node_id} is busy: no answer to GET /health in time, and its process uses {engine.cpu:.0%} of a core"
        way_out = (
            "it receives rows or evaluates a policy; if it stays busy, a table is too large: disable its datasource, "
            "as in docs/recover.md, An engine that is busy"
        )
        yield wrong("engines", what, way_out)
    elif isinstance(engine.view, Unseen):
        way_out = f"it is busy, or it hangs and is killed after two minutes: {log}"
        yield from unanswered("engines", engine.view, f"{node_id} does not answer GET /health", way_out)
    elif engine.view.code != HTTPStatus.OK:
        way_out = f"check database and bus first, then {log}"
        yield wrong("engines", f"{node_id} answers {engine.view.code} to GET /health", way_out)
    elif engine.view.listed not in {HTTPStatus.OK, HTTPStatus.UNAUTHORIZED}:
        yield wrong("engines", f"{node_id} answers {engine.view.listed} to GET /v1/policies", log)
    elif engine.view.loading:
        what = f"{node_id} is {engine.view.loading} since its start and gets few requests until that is done"
        yield note("engines", what, "none needed: it takes a minute at most")
    elif engine.view.lag and (behind := engine.view.lag.behind):
        count = f"{len(behind)} table{'' if len(behind) == 1 else 's'}"
        way_out = (
            f"none needed: it requests them itself; if that does not help: {log}, and the datasource's status"
        )
        yield note("engines", f"{node_id} is {count} behind: {', '.join(behind[:NAMED])}", way_out)


def _out_of_sync(view: EngineView, views: dict[str, EngineView]) -> Iterator[str]:
    """What an engine's memory lacks compared with the database and with the other engines."""
    for name, policy in (view.policies or {}).items():
        if not policy.present:
            yield f"it does not know policy {name}"
        elif policy.missing:
            yield f"it lacks {len(policy.missing)} rules of policy {name}, first: {policy.missing[0]}"
        elif policy.complete:
            union = {t for v in views.values() if (p := (v.policies or {}).get(name)) for t in p.tables}
            if absent := sorted(union - set(policy.tables)):
                yield f"policy {name} has no table {absent[0]} there, but at another engine"
    for name, datasource in (view.datasources or {}).items():
        if not datasource.present:
            yield f"it does not know datasource {name}"


def _incomplete(node_id: str, view: EngineView) -> Iterator[Finding]:
    """What an engine that answers did not answer completely."""
    if late := [name for name, policy in (view.policies or {}).items() if not policy.complete]:
        what = (
            f"{node_id} reported only a part of policy {late[0]} in time, so whether it is in sync is unknown"
        )
        yield note("engines", what, "run it again when the engine has less to do")
    if view.datasources is None:
        way_out = "compare /etc/congress/keys/aes_key on all Congress hosts: sudo sha256sum; then: make up"
        yield wrong("engines", f"{node_id} cannot list its datasources", way_out)


def _datasources(views: dict[str, EngineView]) -> Iterator[Finding]:
    """Findings about each datasource, once for all engines, or with the name of the engine."""
    by_engine: dict[str, dict[str, DatasourceView]] = {}
    for node_id, view in views.items():
        for name, datasource in (view.datasources or {}).items():
            by_engine.setdefault(name, {})[node_id] = datasource
    for name, at in by_engine.items():
        if errors := [datasource.last_error for datasource in at.values() if datasource.last_error]:
            way_out = (
                "repair its cloud, it is polled again by itself; or its configuration: delete and create it"
            )
            yield wrong("engines", f"datasource {name} does not update: {errors[0][:160]}", way_out)
        if (most := max(datasource.rows or 0 for datasource in at.values())) > MANY_ROWS:
            what = f"datasource {name} has {most:,} rows; up to {MANY_ROWS:,} were measured"
            yield note(
                "engines", what, "look at the memory of its nodes: docs/recover.md, An engine that is busy"
            )
        if dead := [node_id for node_id, datasource in at.items() if datasource.code != HTTPStatus.OK]:
            what = f"no status of datasource {name} through {', '.join(dead)}"
            yield wrong(
                "engines", what, "check datasource node and bus; a node that moved needs a few seconds"
            )


def database(facts: Facts) -> Iterator[Finding]:
    if isinstance(facts.database, Unseen):
        way_out = "on database: sudo journalctl -u mariadb -n 50; sudo systemctl restart mariadb"
        yield from unanswered(DATABASE.row, facts.database, "MariaDB does not answer", way_out)
        return
    used, most = facts.database.connections, facts.database.max_connections
    if used >= FULL * most:
        way_out = "on database: sudo mariadb -e 'SHOW PROCESSLIST' shows whose; restart that engine"
        yield wrong(DATABASE.row, f"{used} of {most} connections are used", way_out)
    if facts.database.waiting:
        what = f"{facts.database.waiting} statements wait for locks, up to {facts.database.waiting_seconds} s"
        way_out = "on database: sudo mariadb -e 'SHOW FULL PROCESSLIST'; KILL the one that holds the tables"
        yield wrong(DATABASE.row, what, way_out)


def bus(facts: Facts) -> Iterator[Finding]:
    if isinstance(facts.bus, Unseen):
        way_out = (
            "on messaging: sudo journalctl -u rabbitmq-server -n 50; sudo systemctl restart rabbitmq-server"
        )
        yield from unanswered("bus", facts.bus, "RabbitMQ does not answer", way_out)
    elif facts.bus.alarms:
        way_out = (
            "on messaging: free -m; df -h /var/lib/rabbitmq; free memory or disk, it continues by itself"
        )
        yield wrong("bus", f"RabbitMQ takes no messages, alarms: {facts.bus.alarms}", way_out)


def certificates(facts: Facts) -> Iterator[Finding]:
    way_out = "make up renews the stack's own without an interruption; your own: set tls.certificate"
    for row, days in facts.certificates.items():
        if isinstance(days, Unseen):
            yield from unanswered(row, days, "its certificate", "make verify shows whether its file exists")
        elif days < ENDS_SOON:
            what = f"its certificate ends in {days} days" if days >= 0 else "its certificate has ended"
            yield wrong(row, what, way_out)
