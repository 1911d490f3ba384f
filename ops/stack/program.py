"""Commands that replace this process by a script: up, down, preview, pulumi and output."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from ops.stack.environment import require_stack
from ops.stack.outputs import ROOT, StackError


def _become(script: str, *arguments: str) -> None:
    file = str(ROOT / "scripts" / script)
    os.execv(file, [file, *arguments])  # noqa: S606  that it needs no shell is the point


def up() -> None:
    """Deploy: build the toolchain, start the lab (stack dev only), run the program; print the endpoint."""
    _become("up")


def down() -> None:
    """Remove the deployment from the cloud, and the stack; the lab stays."""
    _become("down")


def preview() -> None:
    """Show what `up` would change."""
    _become("pulumi", "preview", "--diff")


def pulumi(words: Annotated[list[str] | None, typer.Argument(help="such as: stack history")] = None) -> None:
    """Run the Pulumi CLI in the stack's environment."""
    _become("pulumi", *(words or []))


def output(
    *,
    secrets: Annotated[bool, typer.Option("--secrets", help="show secret outputs; also SECRETS=1")] = False,
) -> None:
    """Print the stack's outputs as one JSON object."""
    try:
        require_stack()
    except StackError as error:
        typer.echo(error, err=True)
        raise typer.Exit(1) from None
    shown = secrets or os.environ.get("SECRETS") == "1"
    _become("pulumi", "stack", "output", "--json", *(["--show-secrets"] if shown else []))
