"""Which commands tell a host's health, by its role. All of them only look; all run as root, at once."""

from __future__ import annotations

from typing import Any

from ops.common.limits import Limits
from ops.health import disks
from ops.remote import REMOTE
from ops.remote.runner import Question
from ops.stack.outputs import Engine, Stack
from roles import NODE_ID, Probe, by_name


def questions(host: str, stack: Stack, limits: Limits) -> dict[str, Question]:
    """Name -> command, for one host of the stack: what the table of roles says, and how full its disks are."""
    role = by_name(stack.hosts[host].role)
    here = [engine for engine in stack.engines if engine.host == host]
    asked = {"disks": disks.question(role.name)}
    for probe in role.probes:
        asked.update(
            _question(probe, engine, limits) for engine in (here if NODE_ID in probe.name else [None])
        )
    if role.certificate:
        asked["certificate"] = command(
            f"openssl x509 -noout -enddate -dateopt iso_8601 -in {role.certificate}"
        )
    return asked


def _question(probe: Probe, engine: Engine | None, limits: Limits) -> tuple[str, Question]:
    known: dict[str, Any] = {"inside": limits.inside, "sample": limits.sample}
    if engine is not None:
        known |= {"node_id": engine.node_id, "url": engine.url}
    stdin = (REMOTE / probe.file).read_text() if probe.file else probe.stdin
    return probe.name.format(**known), command(probe.command.format(**known), stdin)


def command(words: str, stdin: str = "") -> Question:
    return {"argv": words.split(), "stdin": stdin}
