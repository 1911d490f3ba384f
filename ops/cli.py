"""`congress-ha`: what an operator does with a stack. The make targets of these names call it."""

from __future__ import annotations

import os
import tomllib
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from ops.stack import environment
from ops.stack.outputs import ROOT, StackError

# Name -> the function, whose module is imported when its command is asked for: openstacksdk takes half a second.
COMMANDS = {
    "status": "ops.health.status:main",
    "verify": "ops.drift.verify:main",
    "repair": "ops.drift.repair:main",
    "backup": "ops.data.backup:main",
    "restore": "ops.data.restore:main",
    "replace": "ops.replacement.replace:main",
    "confirm-dead": "ops.replacement.confirm_dead:main",
    "ssh": "ops.ssh.shell:main",
    "output": "ops.stack.program:output",
    "preview": "ops.stack.program:preview",
    "up": "ops.stack.program:up",
    "down": "ops.stack.program:down",
    "pulumi": "ops.stack.program:pulumi",
}
# Those that do nothing before they look at what is deployed.
LOOKS = {"status", "verify", "repair", "restore", "replace", "confirm-dead"}
# Their words are another program's.
HANDS_ON = {"ignore_unknown_options": True, "help_option_names": []}


class Commands(TyperGroup):
    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002  typer's own signature
        return [*COMMANDS]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        module, _, function = COMMANDS[cmd_name].partition(":")
        one = typer.Typer(add_completion=False)
        settings = HANDS_ON if cmd_name == "pulumi" else None
        one.command(cmd_name, context_settings=settings)(getattr(import_module(module), function))
        return typer.main.get_command(one)


app = typer.Typer(cls=Commands, add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)


def version(asked: bool) -> None:  # noqa: FBT001  typer's own signature
    if asked:
        typer.echo(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"])
        raise typer.Exit


@app.callback()
def choose(
    context: typer.Context,
    *,
    stack: Annotated[str, typer.Option(envvar="STACK", help="The stack to work on.")] = "dev",
    version: Annotated[  # noqa: ARG001  its callback ends the program
        bool, typer.Option("--version", callback=version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Congress, highly available: what an operator does with a stack that is deployed, or to deploy one."""
    os.environ["STACK"] = stack
    try:
        environment.enter()
    except StackError as error:
        typer.echo(error, err=True)
        raise typer.Exit(1) from None
    if context.invoked_subcommand in LOOKS:
        try:
            environment.require_stack()
        except StackError as error:
            typer.echo(f"{context.invoked_subcommand}: {error}", err=True)
            raise typer.Exit(2) from None


def main() -> None:
    if not environment.COMMON.exists():
        raise SystemExit(f"congress-ha: {ROOT} is no checkout: install it there, by pip install --editable .")
    app(prog_name="congress-ha")
