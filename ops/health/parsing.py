"""From what hosts, cloud and endpoint answered to Facts."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Mapping
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
    Unseen,
)
from ops.health.parsing_cluster import cluster
from ops.remote.runner import Answer
from ops.ssh.survey import Report
from ops.stack.outputs import Engine, Stack
from roles import DATABASE, DATASOURCE_NODE, LOAD_BALANCER, MESSAGING, ROLES

OK = 200
T = TypeVar("T")


def read(
    stack: Stack,
    reports: Mapping[str, Report],
    servers: Mapping[str, Server] | str,
    endpoint: int | Unseen,
) -> Facts:
    """`servers`: the cloud's, by name, or why it could not be asked."""
    of = {role: [name for name, host in stack.hosts.items() if host.role == role] for role in _roles(stack)}
    pair = of.get(DATASOURCE_NODE.name, [])
    return Facts(
        cloud=servers if isinstance(servers, str) else None,
        hosts={name: _host(name, stack, reports[name], servers) for name in stack.hosts},
        clusters={name: _cluster(reports[name]) for name in pair},
        processes={
            name: understood(reports[name], "processes", lambda text: processes(text, stack.node_id), {0, 1})
            for name in pair
        },
        pings={name: understood(reports[name], "ping", int) for name in pair},
        engines={engine.node_id: _engine(engine, reports[engine.host]) for engine in stack.engines},
        balancer=understood(reports[of[LOAD_BALANCER.name][0]], "haproxy", backends),
        endpoint=endpoint,
        database=understood(reports[of[DATABASE.name][0]], "database", database),
        bus=understood(reports[of[MESSAGING.name][0]], "bus", bus),
        certificates={
            role.row: understood(reports[of[role.name][0]], "certificate", days_left)
            for role in ROLES
            if role.certificate and role.name in of
        },
        # df tells of all that it finds, and then fails where a folder is not there (yet).
        disks={name: understood(reports[name], "disks", disks, {0, 1}) for name in stack.hosts},
    )


def understood(
    report: Report, question: str, parse: Callable[[str], T], good: frozenset[int] | set[int] = frozenset({0})
) -> T | Unseen:
    """A question's answer, parsed; Unseen with the reason when there is none."""
    if report.problem:
        return Unseen(report.problem, told=True)
    answer = report.answers[question]
    if answer["code"] not in good:
        return Unseen(why(answer))
    try:
        return parse(answer["out"])
    except (ValueError, KeyError, TypeError) as error:
        return Unseen(f"answer not understood: {error}")


def why(answer: Answer) -> str:
    if answer["code"] is None:
        return f"no answer within {answer['seconds']:.0f} s"
    said = (answer["err"].strip() or answer["out"].strip()).splitlines()
    return said[-1] if said else f"exit code {answer['code']}"


def processes(ps: str, node_id: str) -> tuple[Process, ...]:
    """The datasource nodes among the lines `pid state arguments...` of user congress's processes."""
    found = []
    for line in ps.splitlines():
        pid, state, *words = line.split()
        if "--datasources" in words and f"--node-id={node_id}" in words:
            found.append(Process(int(pid), state))
    return tuple(found)


def backends(stats: str) -> dict[str, Backend]:
    """The servers of HAProxy's backend policy_engines, from its statistics as CSV."""
    rows = csv.DictReader(stats.lstrip("# ").splitlines())
    found = {
        row["svname"]: Backend(row["status"], _reason(row))
        for row in rows
        if row["pxname"] == "policy_engines" and row["svname"] != "BACKEND"
    }
    if not found:
        raise ValueError("no servers of policy_engines in HAProxy's statistics")
    return found


def _reason(row: Mapping[str, str]) -> str:
    """The agent's word where that took the engine out, else the last check."""
    if row["status"].endswith("(agent)"):
        return row["last_agt"] or row["agent_status"]
    return row["last_chk"] or row["check_status"]


def days_left(enddate: str) -> int:
    """Whole days from now until `notAfter=2028-11-25 03:25:40Z`."""
    ends = datetime.strptime(enddate.strip(), "notAfter=%Y-%m-%d %H:%M:%S%z")
    return (ends - datetime.now(UTC)).days


def database(lines: str) -> Database:
    known = dict(line.split("\t") for line in lines.splitlines())
    changed = known.pop("changed")
    numbers = {name: int(value) for name, value in known.items()}
    return Database(**numbers, changed=None if changed == "NULL" else int(changed))


def bus(lines: str) -> Bus:
    known = dict(line.split("=", 1) for line in lines.splitlines() if "=" in line)
    alarms = known["alarms"]
    return Bus("" if alarms == "[]" else alarms, int(known["connections"]), int(known["consumers"]))


def view(text: str) -> EngineView:
    """What ops/remote/engine.py printed."""
    known: dict[str, Any] = json.loads(text)
    lag = known.get("lag")
    more: dict[str, Any] = {
        "loading": known.get("loading", ""),
        "lag": lag and Lag(lag["subscribed"], tuple(lag["behind"]), tuple(lag["silent"])),
    }
    if known.get("listed") != OK:
        return EngineView(known["code"], known["ms"], known.get("listed"), **more)
    policies = {
        p["name"]: PolicyView(p["known"], tuple(p["missing"]), tuple(p["tables"]), p["rules"], p["complete"])
        for p in known["policies"]
    }
    datasources = {
        d["name"]: DatasourceView(d["known"], d["code"], d["last_error"], d.get("rows"), d.get("age"))
        for d in known["datasources"] or []
    }
    listed = known["datasources"] is not None
    return EngineView(
        known["code"],
        known["ms"],
        OK,
        known["sync_period"],
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
    seen = (server.status, server.fault, report.problem, report.connected, server.task, server.shut_out)
    return HostState(host.role, host.server, *seen)


def _cluster(report: Report) -> Any:
    constraints = understood(report, "constraints", str)
    return understood(
        report, "cluster", lambda text: cluster(text, constraints if isinstance(constraints, str) else "")
    )


def _engine(engine: Engine, report: Report) -> EngineState:
    unit = understood(report, f"unit {engine.node_id}", _unit)
    seen = understood(report, f"view {engine.node_id}", view)
    if isinstance(unit, Unseen):
        return EngineState(engine.host, unit, 0, seen)
    state = (unit["ActiveState"], unit["SubState"])
    cpu = float(unit["CPUShare"]) if "CPUShare" in unit else None
    return EngineState(engine.host, state, int(unit.get("NRestarts", "0")), seen, cpu)


def _unit(text: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in text.splitlines())
