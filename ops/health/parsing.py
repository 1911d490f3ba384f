"""From the answers of hosts, cloud and endpoint to facts."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from ops.cloud.servers import Server
from ops.health.disks import disks
from ops.health.facts import (
    Backend,
    Bus,
    Database,
    DatasourceView,
    EngineState,
    EngineView,
    Facts,
    HostState,
    Lag,
    PolicyView,
    Process,
    Shares,
    Unseen,
)
from ops.health.parsing_cluster import cluster
from ops.remote.runner import CommandResult
from ops.ssh.survey import Report
from ops.stack.outputs import Engine, Stack
from roles import DATABASE, DATASOURCE_NODE, LOAD_BALANCER, MESSAGING, ROLES

OK = 200
T = TypeVar("T")


def parse_facts(
    stack: Stack,
    reports: Mapping[str, Report],
    servers: Mapping[str, Server] | str,
    endpoint: int | Unseen,
) -> Facts:
    """The facts of a stack. `reports`: host -> report. `servers`: name -> server, or why the cloud did not answer.

    `endpoint`: milliseconds until it answered, or why it did not.
    """
    of = {role: [name for name, host in stack.hosts.items() if host.role == role] for role in _roles(stack)}
    pair = of.get(DATASOURCE_NODE.name, [])
    return Facts(
        cloud=servers if isinstance(servers, str) else None,
        hosts={name: _host(name, stack, reports[name], servers) for name in stack.hosts},
        clusters={name: _cluster(reports[name]) for name in pair},
        processes={
            name: parsed(reports[name], "processes", lambda text: processes(text, stack.node_id), {0, 1})
            for name in pair
        },
        pings={name: parsed(reports[name], "ping", int) for name in pair},
        engines={engine.node_id: _engine(engine, reports[engine.host]) for engine in stack.engines},
        balancers={
            name: parsed(reports[name], "haproxy", backends) for name in of.get(LOAD_BALANCER.name, [])
        },
        addresses={
            name: parsed(reports[name], "address", shares)
            for name in of.get(LOAD_BALANCER.name, [])
            if stack.virtual_address
        },
        endpoint=endpoint,
        database=parsed(reports[of[DATABASE.name][0]], "database", database),
        bus=parsed(reports[of[MESSAGING.name][0]], "bus", bus),
        certificates={
            role.row: first_to_end(
                [parsed(reports[name], "certificate", days_left) for name in of[role.name]]
            )
            for role in ROLES
            if role.certificate and role.name in of
        },
        # df prints what it finds and then fails if a folder does not exist (yet).
        disks={name: parsed(reports[name], "disks", disks, {0, 1}) for name in stack.hosts},
    )


def parsed(
    report: Report,
    command: str,
    parse: Callable[[str], T],
    accepted_codes: frozenset[int] | set[int] = frozenset({0}),
) -> T | Unseen:
    """The parsed output of a host's command; Unseen with the reason if it failed."""
    if report.problem:
        return Unseen(report.problem, explained=True)
    answer = report.answers[command]
    if answer["code"] not in accepted_codes:
        return Unseen(failure_reason(answer))
    try:
        return parse(answer["out"])
    except (ValueError, KeyError, TypeError) as error:
        return Unseen(f"answer not understood: {error}")


def failure_reason(answer: CommandResult) -> str:
    if answer["code"] is None:
        return f"no answer within {answer['seconds']:.0f} s"
    output = (answer["err"].strip() or answer["out"].strip()).splitlines()
    return output[-1] if output else f"exit code {answer['code']}"


def processes(ps: str, node_id: str) -> tuple[Process, ...]:
    """The datasource nodes among the lines `pid state arguments...` of user congress's processes."""
    matching = []
    for line in ps.splitlines():
        pid, state, *words = line.split()
        if "--datasources" in words and f"--node-id={node_id}" in words:
            matching.append(Process(int(pid), state))
    return tuple(matching)


def backends(stats: str) -> dict[str, Backend]:
    """The servers of HAProxy's backend policy_engines, from its statistics as CSV."""
    rows = csv.DictReader(stats.lstrip("# ").splitlines())
    matching = {
        row["svname"]: Backend(row["status"], _reason(row))
        for row in rows
        if row["pxname"] == "policy_engines" and row["svname"] != "BACKEND"
    }
    if not matching:
        raise ValueError("no servers of policy_engines in HAProxy's statistics")
    return matching


def _reason(row: Mapping[str, str]) -> str:
    """The answer of the agent-check if that took the engine out, else the last health check."""
    if row["status"].endswith("(agent)"):
        return row["last_agt"] or row["agent_status"]
    return row["last_chk"] or row["check_status"]


def days_left(enddate: str) -> int:
    """Whole days from now until `notAfter=2028-11-25 03:25:40Z`."""
    ends = datetime.strptime(enddate.strip(), "notAfter=%Y-%m-%d %H:%M:%S%z")
    return (ends - datetime.now(UTC)).days


def first_to_end(days: Sequence[int | Unseen]) -> int | Unseen:
    """The certificate of a role's hosts that ends first; one that no other finding explains if it could not be read."""
    unread = [one for one in days if isinstance(one, Unseen)]
    known = [one for one in days if not isinstance(one, Unseen)]
    unexplained = next((one for one in unread if not one.explained), None)
    return unexplained or (min(known) if known else unread[0])


def shares(lines: str) -> Shares:
    """From the unit's state, and `holds` where the host does."""
    state, *more = lines.splitlines()
    return Shares(state, more == ["holds"])


def database(lines: str) -> Database:
    values = dict(line.split("\t") for line in lines.splitlines())
    changed = values.pop("changed")
    numbers = {name: int(value) for name, value in values.items()}
    return Database(**numbers, changed=None if changed == "NULL" else int(changed))


def bus(lines: str) -> Bus:
    values = dict(line.split("=", 1) for line in lines.splitlines() if "=" in line)
    alarms = values["alarms"]
    return Bus("" if alarms == "[]" else alarms, int(values["connections"]), int(values["consumers"]))


def view(text: str) -> EngineView:
    """Read what ops/remote/engine.py printed."""
    values: dict[str, Any] = json.loads(text)
    lag = values.get("lag")
    more: dict[str, Any] = {
        "loading": values.get("loading", ""),
        "lag": lag and Lag(lag["subscribed"], tuple(lag["behind"]), tuple(lag["silent"])),
    }
    if values.get("listed") != OK:
        return EngineView(values["code"], values["ms"], values.get("listed"), **more)
    policies = {
        p["name"]: PolicyView(p["known"], tuple(p["missing"]), tuple(p["tables"]), p["rules"], p["complete"])
        for p in values["policies"]
    }
    datasources = {
        d["name"]: DatasourceView(d["known"], d["code"], d["last_error"], d.get("rows"), d.get("age"))
        for d in values["datasources"] or []
    }
    listed = values["datasources"] is not None
    return EngineView(
        values["code"],
        values["ms"],
        OK,
        values["sync_period"],
        policies,
        datasources if listed else None,
        **more,
    )


def _roles(stack: Stack) -> set[str]:
    return {host.role for host in stack.hosts.values()}


def _host(name: str, stack: Stack, report: Report, servers: Mapping[str, Server] | str) -> HostState:
    host = stack.hosts[name]
    if isinstance(servers, str):
        return HostState(host.role, host.server, None, "", report.problem, report.connected)
    server = servers.get(host.server, Server("missing", ""))
    observed = (server.status, server.fault, report.problem, report.connected, server.task, server.isolated)
    return HostState(host.role, host.server, *observed)


def _cluster(report: Report) -> Any:
    constraints = parsed(report, "constraints", str)
    return parsed(
        report, "cluster", lambda text: cluster(text, constraints if isinstance(constraints, str) else "")
    )


def _engine(engine: Engine, report: Report) -> EngineState:
    unit = parsed(report, f"unit {engine.node_id}", _unit)
    observed = parsed(report, f"view {engine.node_id}", view)
    if isinstance(unit, Unseen):
        return EngineState(engine.host, unit, 0, observed)
    state = (unit["ActiveState"], unit["SubState"])
    cpu = float(unit["CPUShare"]) if "CPUShare" in unit else None
    return EngineState(engine.host, state, int(unit.get("NRestarts", "0")), observed, cpu)


def _unit(text: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in text.splitlines())
