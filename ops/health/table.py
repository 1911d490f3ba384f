"""The output of status and verify, for the terminal and as JSON: a row per role, then the findings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from http import HTTPStatus
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ops.health.assessment_balancer import holding
from ops.health.facts import Cluster, DatasourceView, EngineView, Facts, Lag, Unseen
from ops.health.finding import Finding, Severity
from roles import DATABASE, DATASOURCE_NODE, LOAD_BALANCER, MESSAGING, POLICY_ENGINE

# Width of the output in columns, if it goes to a file or a pipe.
FILE_WIDTH = 160
# Number of datasources that are listed with their rows.
LARGEST = 3
# Row -> state and summary.
Rows = Mapping[str, tuple[str, str]]
RANK = list(Severity)
STYLES = {"ok": "green", "note": "yellow", "wrong": "bold red", "unseen": "magenta"}


def rows(facts: Facts, findings: Iterable[Finding]) -> dict[str, tuple[str, str]]:
    """Row -> (state, summary). State: ok, note, wrong, or unseen if its hosts did not answer."""
    return with_states(_summaries(facts), findings)


def with_states(summaries: Mapping[str, str], findings: Iterable[Finding]) -> dict[str, tuple[str, str]]:
    """Add to each summary ("" if nothing was observed) the state that follows from the findings."""
    worst: dict[str, str] = {}
    for finding in sorted(findings, key=lambda finding: RANK.index(finding.severity)):
        worst.setdefault(finding.role, finding.severity)
    return {
        role: (worst.get(role, "ok" if summary else "unseen"), summary or "its host could not be asked")
        for role, summary in summaries.items()
    }


def _summaries(facts: Facts) -> dict[str, str]:
    """Row -> summary of the observations, "" if there are none."""
    view = next((view for view in facts.clusters.values() if isinstance(view, Cluster)), None)
    reached = sum(host.ssh is None for host in facts.hosts.values())
    active = sum(host.status == "ACTIVE" for host in facts.hosts.values())
    in_cloud = "cloud not asked" if facts.cloud else f"{active} of {len(facts.hosts)} active in the cloud"
    return {
        "servers": f"{in_cloud}, {reached} reached",
        "cluster": _cluster(view) if view else "",
        "fencing": _fencing(view) if view else "",
        DATASOURCE_NODE.row: _node(facts, view),
        POLICY_ENGINE.row: _engines(facts),
        LOAD_BALANCER.row: _balancer(facts),
        DATABASE.row: ""
        if isinstance(facts.database, Unseen)
        else f"answers, {facts.database.connections} of {facts.database.max_connections} connections used",
        MESSAGING.row: "" if isinstance(facts.bus, Unseen) else f"{facts.bus.connections} connections",
    }


def _cluster(view: Cluster) -> str:
    online = sum(node.online for node in view.nodes)
    return f"{online} of {len(view.nodes)} online, {'quorum' if view.quorum else 'NO quorum'}"


def _fencing(view: Cluster) -> str:
    devices = [f"{device.id} on {', '.join(device.nodes) or 'no host'}" for device in view.fencing]
    return f"{'enabled' if view.stonith_enabled else 'disabled'}, {'; '.join(devices) or 'no device'}"


def _node(facts: Facts, view: Cluster | None) -> str:
    parts = []
    node = next((resource for resource in view.resources if resource.id == "ds-node"), None) if view else None
    if node:
        parts.append(f"{node.role} on {', '.join(node.nodes) or 'no host'}")
    if not isinstance(facts.bus, Unseen):
        parts.append(f"{facts.bus.consumers} on the bus")
    if times := [ping for ping in facts.pings.values() if not isinstance(ping, Unseen)]:
        parts.append(f"ping {min(times)} ms")
    return ", ".join(parts)


def _engines(facts: Facts) -> str:
    views = {
        node_id: engine.view
        for node_id, engine in facts.engines.items()
        if isinstance(engine.view, EngineView) and engine.view.code
    }
    if not views:
        return ""
    times = ", ".join(f"{view.ms} ms" for view in views.values())
    first = next((view for view in views.values() if view.policies is not None), None)
    parts = [f"{len(views)} of {len(facts.engines)} answer ({times})"]
    if any(view.listed == HTTPStatus.UNAUTHORIZED for view in views.values()):
        parts.append("their memory requires a token")
    if first and first.policies is not None:
        rules = sum(policy.rules for policy in first.policies.values())
        parts.append(
            f"{len(first.policies)} policies, {rules} rules, {len(first.datasources or {})} datasources"
            + _largest(first.datasources or {})
        )
    if lags := [(node_id, view.lag) for node_id, view in views.items() if view.lag]:
        parts.append("up to date: " + ", ".join(f"{node_id} {_up_to_date(lag)}" for node_id, lag in lags))
    return ", ".join(parts)


def _up_to_date(lag: Lag) -> str:
    silent = f" ({', '.join(lag.silent)} not known)" if lag.silent else ""
    return f"{lag.subscribed - len(lag.behind)} of {lag.subscribed} tables{silent}"


def lags(facts: Facts) -> dict[str, dict[str, Any] | None]:
    """Node id -> fields of the engine's Lag; None if it was not reported."""
    views = {node_id: engine.view for node_id, engine in facts.engines.items()}
    return {
        node_id: asdict(view.lag) if isinstance(view, EngineView) and view.lag else None
        for node_id, view in views.items()
    }


def _largest(datasources: Mapping[str, DatasourceView]) -> str:
    """The datasources with most rows, and the age of these rows."""
    sizes = [(view.rows, name, view.age) for name, view in datasources.items() if view.rows is not None]
    described = [
        f"{name} {rows:,} rows" + (f" {age} s old" if age is not None else "")
        for rows, name, age in sorted(sizes, key=lambda one: -one[0])[:LARGEST]
    ]
    return f": {', '.join(described)}" if described else ""


def _balancer(facts: Facts) -> str:
    parts = []
    for host, engines in facts.balancers.items():
        if not isinstance(engines, Unseen):
            up = sum(backend.status.startswith("UP") for backend in engines.values())
            at = f" at {host}" if len(facts.balancers) > 1 else ""
            parts.append(f"{up} of {len(engines)} engines up{at}")
    if holders := holding(facts):
        parts.append(f"{' and '.join(holders)} {'holds' if len(holders) == 1 else 'hold'} the address")
    if not isinstance(facts.endpoint, Unseen):
        parts.append(f"endpoint answers in {facts.endpoint} ms")
    return ", ".join(parts)


def show(stack: str, rows: Rows, findings: list[Finding], seconds: float) -> None:
    """Print the table and the findings. `seconds`: how long the checks took."""
    console = Console(highlight=False, soft_wrap=True)
    if not console.is_terminal:
        console.width = FILE_WIDTH
    table = Table(title=f"Stack {stack}", title_justify="left", box=None, pad_edge=False)
    for column in ("role", "state", "seen"):
        table.add_column(column, no_wrap=column != "seen")
    for role, (state, summary) in rows.items():
        table.add_row(role, Text(state, STYLES[state]), summary)
    console.print(table)
    for finding in findings:
        console.print(Text(finding.severity, STYLES[finding.severity]), end="")
        console.print(f" {finding.role}: {finding.what} -> {finding.way_out}", markup=False)
    count = sum(finding.severity == Severity.WRONG for finding in findings)
    if count:
        verdict = f"{count} wrong"
    elif complete(rows, findings):
        verdict = "All is well"
    else:
        verdict = "Nothing is wrong, but not everything could be seen"
    console.print(f"{verdict} (looked for {seconds:.1f} s).")


def complete(rows: Rows, findings: Iterable[Finding]) -> bool:
    """Whether everything was checked."""
    states = {state for state, _ in rows.values()} | {finding.severity for finding in findings}
    return Severity.UNSEEN not in states


def as_json(stack: str, rows: Rows, findings: list[Finding], seconds: float) -> dict[str, Any]:
    """What --json prints, for machines.

    stack: its name; ok: nothing is wrong; complete: everything was checked; seconds: duration of the checks;
    roles: row -> {state, seen}, as in the table; findings: list of {severity: wrong | unseen | note, role, what,
    way_out}.
    """
    return {
        "stack": stack,
        "ok": all(finding.severity != Severity.WRONG for finding in findings),
        "complete": complete(rows, findings),
        "seconds": round(seconds, 1),
        "roles": {role: {"state": state, "seen": summary} for role, (state, summary) in rows.items()},
        "findings": [
            {"severity": f.severity.value, "role": f.role, "what": f.what, "way_out": f.way_out}
            for f in findings
        ],
    }
