"""The application `congress-ha`: its commands and the options that all of them share.

Exit code 2: there is no deployment. The make targets of the same names call it.
"""

from __future__ import annotations

import logging
import os
import sys
import tomllib
from importlib import import_module
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from ops.stack import environment
from ops.stack.outputs import ROOT, StackError

# Command -> its function. The module is imported only when the command runs: openstacksdk takes half a second.
COMMANDS = {
    "status": "ops.health.status:main",
    "verify": "ops.drift.verify:main",
    "repair": "ops.drift.repair:main",
    "backup": "ops.data.backup:main",
    "restore": "ops.data.restore:main",
    "replace": "ops.replacement.replace:main",
    "confirm-dead": "ops.replacement.confirm_dead:main",
    "ssh": "ops.ssh.shell:main",
    "policy": "ops.policy.cli:app",
    "image": "ops.image.create:main",
    "output": "ops.stack.program:output",
    "preview": "ops.stack.program:preview",
    "up": "ops.stack.program:up",
    "down": "ops.stack.program:down",
    "leftovers": "ops.stack.leftovers:main",
    "pulumi": "ops.stack.program:pulumi",
}
# The base class of typer's usage errors. It has no public name.
WrongWords: Any = typer.BadParameter.__bases__[0]
# Commands that need a deployment.
NEED_DEPLOYMENT = {"status", "verify", "repair", "restore", "replace", "confirm-dead"}
# typer's settings for a command whose arguments are passed to another program.
PASS_THROUGH = {"ignore_unknown_options": True, "help_option_names": []}


class Commands(TyperGroup):
    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002  typer's own signature
        return [*COMMANDS]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        module, _, function = COMMANDS[cmd_name].partition(":")
        command = getattr(import_module(module), function)
        if isinstance(command, typer.Typer):
            return typer.main.get_command(command)
        application = typer.Typer(add_completion=False)
        settings = PASS_THROUGH if cmd_name == "pulumi" else None
        application.command(cmd_name, context_settings=settings)(command)
        return typer.main.get_command(application)

    def main(self, *args: Any, **named: Any) -> NoReturn:
        """Report wrong arguments in one sentence, instead of typer's box."""
        # A cloud that does not answer is an error of the command, which says so.
        logging.getLogger("keystoneauth").setLevel(logging.ERROR)
        try:
            code = super().main(*args, **named | {"standalone_mode": False})
        except WrongWords as error:
            command = error.ctx.command_path if error.ctx else "congress-ha"
            typer.echo(one_sentence(command, error.format_message()), err=True)
            code = error.exit_code
        except typer.Abort:
            code = 1
        sys.exit(code if isinstance(code, int) else 0)


def one_sentence(command: str, problem: str) -> str:
    if problem.startswith("Usage"):  # there was no argument at all
        return problem
    name = command.rsplit(" ", 1)[-1]
    sentence = " ".join(problem.split()).rstrip(".")
    return f"{name}: {sentence[:1].lower()}{sentence[1:]}: {command} --help shows what it takes"


app = typer.Typer(cls=Commands, add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)


def version(requested: bool) -> None:  # noqa: FBT001  typer's own signature
    if requested:
        typer.echo(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"])
        raise typer.Exit


@app.callback()
def select_stack(
    context: typer.Context,
    *,
    stack: Annotated[
        str,
        typer.Option(
            # An empty name is refused: it comes from a variable that was not set, and does not mean dev.
            default_factory=lambda: os.environ.get("STACK", "dev"),
            show_default="$STACK, or dev",
            help="The stack to work on.",
        ),
    ],
    version: Annotated[  # noqa: ARG001  its callback ends the program
        bool, typer.Option("--version", callback=version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Deploy OpenStack Congress in high availability, and operate a deployed stack."""
    os.environ["STACK"] = stack
    try:
        environment.enter()
    except StackError as error:
        typer.echo(error, err=True)
        raise typer.Exit(1) from None
    if context.invoked_subcommand in NEED_DEPLOYMENT:
        try:
            environment.require_stack()
        except StackError as error:
            typer.echo(f"{context.invoked_subcommand}: {error}", err=True)
            raise typer.Exit(2) from None


def main() -> None:
    if not environment.COMMON.exists():
        raise SystemExit(
            f"congress-ha: {ROOT} is not a checkout of congress-ha: run pip install --editable . in one"
        )
    app(prog_name="congress-ha")
