"""From the answers of hosts, cloud and endpoint to facts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TypeVar

from ops.cloud.servers import Server
from ops.health.disks import disks
from ops.health.facts import Facts, HostState, Unseen
from ops.health.role_health import health_of
from ops.remote.runner import CommandResult
from ops.ssh.survey import Report
from ops.stack.outputs import Stack
from roles import ROLES

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
    hosts_of: dict[str, list[str]] = {}
    for name, host in stack.hosts.items():
        hosts_of.setdefault(host.role, []).append(name)
    # A stack that an older program deployed may lack a role.
    deployed = [role for role in ROLES if role.name in hosts_of]
    external = [role for role in ROLES if role.name in stack.external]
    return Facts(
        cloud=servers if isinstance(servers, str) else None,
        hosts={name: _host(name, stack, reports[name], servers) for name in stack.hosts},
        endpoint=endpoint,
        certificates={
            role.row: first_to_end(
                [parsed(reports[name], "certificate", days_left) for name in hosts_of[role.name]]
            )
            for role in deployed
            if role.certificate
        },
        # df prints what it finds and then fails if a folder does not exist (yet).
        disks={name: parsed(reports[name], "disks", disks, {0, 1}) for name in stack.hosts},
        health={
            kind: kind.parse(stack, {name: reports[name] for name in hosts_of.get(role.name, ())})
            for role in ROLES
            if (role in deployed or role in external) and (kind := health_of(role))
        },
        external={role.row: stack.external[role.name] for role in external},
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


def days_left(enddate: str) -> int:
    """Whole days from now until `notAfter=2028-11-25 03:25:40Z`."""
    ends = datetime.strptime(enddate.strip(), "notAfter=%Y-%m-%d %H:%M:%S%z")
    return (ends - datetime.now(UTC)).days


def first_to_end(days: Sequence[int | Unseen]) -> int | Unseen:
    """The days of the certificate that ends first; or why one could not be read, unless another finding says so."""
    unread = [one for one in days if isinstance(one, Unseen)]
    known = [one for one in days if not isinstance(one, Unseen)]
    unexplained = next((one for one in unread if not one.explained), None)
    return unexplained or (min(known) if known else unread[0])


def _host(name: str, stack: Stack, report: Report, servers: Mapping[str, Server] | str) -> HostState:
    host = stack.hosts[name]
    if isinstance(servers, str):
        return HostState(host.role, host.server, None, "", report.problem, report.connected)
    server = servers.get(host.server, Server("missing", ""))
    observed = (server.status, server.fault, report.problem, report.connected, server.task, server.isolated)
    return HostState(host.role, host.server, *observed, server.place)
