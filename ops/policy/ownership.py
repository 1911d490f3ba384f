"""`congress-ha policy drift`, `adopt` and `overwrite`: what others did to a stack's policies, and what to do then."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from ops.common.limits import Limits
from ops.ssh.commands import HostError, Hosts, connected
from ops.stack import environment
from ops.stack.outputs import parse, prefix_of
from ops.stack.pulumi import read_outputs
from ops.stack.reporting import reported_errors
from policy_code.on_host import COMMAND, NEED_STEP, OVERWRITE, RECORD

# Seconds; the rows of large tables take long.
LIMIT = 300


@dataclass(frozen=True)
class Host:
    """The host of the first policy engine, where the step of the policies runs."""

    hosts: Hosts
    outputs: Mapping[str, Any]

    def run(self, command: str, stdin: bytes = b"") -> str:
        name = self.outputs["policy_engines"][0]["host"]
        return self.hosts.run(name, NEED_STEP + command, stdin=stdin, timeout=LIMIT)

    def ask(self, do: str, **words: object) -> str:
        """Raises HostError."""
        return self.run(COMMAND, json.dumps({"do": do, "stack": stack_prefix(), **words}).encode())


@contextmanager
def host(what: str) -> Iterator[Host]:
    """The host. Errors inside the context are one line, with the name of the command."""
    stack = os.environ.get("STACK", "dev")
    with reported_errors(f"policy {what}", HostError):
        environment.require_stack()
        outputs = read_outputs()
        parse(stack, outputs)
        with connected(outputs, Limits.for_this_machine()) as hosts:
            yield Host(hosts, outputs)


def drift() -> None:
    """Show how policies and datasources differ from the last `up` that finished. Exit code 1 if they do."""
    with host("drift") as engine_host:
        differs = engine_host.ask("drift")
    if not differs:
        typer.echo("policies and datasources are as the last `up` left them")
        return
    typer.echo(
        f"policies or datasources are not as the last `up` left them, or it did not finish:\n{differs}"
    )
    raise typer.Exit(1)


def stack_prefix() -> str:
    return prefix_of(os.environ.get("STACK", "dev"))


def adopt(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A policy or datasource that Congress has.")],
) -> None:
    """Let the stack take over a policy or datasource that it did not create; the next `up` makes it as declared."""
    with host("adopt") as engine_host:
        typer.echo(engine_host.ask("adopt", name=name))


def overwrite() -> None:
    """Let the next `up` undo what somebody changed in policies and datasources that the stack declares."""
    with host("overwrite") as engine_host:
        engine_host.run(
            f"install -m 0640 -o root -g congress /dev/null {RECORD} && cat > {RECORD}",
            f"{json.dumps(OVERWRITE)}\n".encode(),
        )
    typer.echo("the next `up` that changes the folder, or `make repair`, makes everything as it is declared")
