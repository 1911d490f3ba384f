"""The commands that report a host's health, by its role. They change nothing, run as root, and in parallel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ops.common.limits import Limits
from ops.health import disks
from ops.health.role_health import Probe, health_of
from ops.remote import REMOTE
from ops.remote.runner import Command
from ops.stack.outputs import Engine, Stack
from roles import NODE_ID, by_name


def health_commands(host: str, stack: Stack, limits: Limits) -> dict[str, Command]:
    """Name -> command for one host of the stack: the probes of its role, its disks and its certificate."""
    role = by_name(stack.hosts[host].role)
    host_engines = [engine for engine in stack.engines if engine.host == host]
    first_engine = host_engines[0] if host_engines else None
    commands = {"disks": disks.command(role.name)}
    kind = health_of(role)
    for probe in kind.probes if kind else ():
        if probe.of_several and not stack.virtual_address:
            continue
        stdin = probe.request(stack) if probe.request else probe.stdin
        if probe.request and not stdin:
            continue
        engines: Sequence[Engine | None] = host_engines if NODE_ID in probe.name else [first_engine]
        commands.update(_probe_command(probe, engine, stdin, limits) for engine in engines)
    if role.certificate:
        commands["certificate"] = command(
            f"openssl x509 -noout -enddate -dateopt iso_8601 -in {role.certificate}"
        )
    return commands


def _probe_command(probe: Probe, engine: Engine | None, stdin: str, limits: Limits) -> tuple[str, Command]:
    values: dict[str, Any] = {"inside": limits.probe, "sample": limits.sample}
    if engine is not None:
        values |= {"node_id": engine.node_id, "url": engine.url}
    stdin = (REMOTE / probe.file).read_text() if probe.file else stdin
    return probe.name.format(**values), command(probe.command.format(**values), stdin)


def command(words: str, stdin: str = "") -> Command:
    return {"argv": words.split(), "stdin": stdin}
