"""`congress-ha ssh`: a shell or one command on a host, through the bastion, with verified host keys."""

from __future__ import annotations

import os
import shlex
from typing import Annotated

import typer

from ops.ssh.files import write_ssh_files
from ops.stack.outputs import ROOT, StackError, command
from ops.stack.pulumi import read_outputs
from roles import BASTION


def main(
    host: Annotated[str, typer.Argument(help="one of the stack's hosts")] = "",
    command_line: Annotated[str, typer.Argument(metavar="COMMAND", help="see above")] = "",
) -> None:
    """Open a shell on HOST, or run COMMAND there. COMMAND is one argument, which the host's shell interprets.

    A COMMAND that begins with - is split into words and passed to ssh as options.
    """
    name = os.environ.get("STACK", "dev")
    try:
        outputs = read_outputs()
    except StackError as error:
        typer.echo(error, err=True)
        raise typer.Exit(1) from None
    hosts = sorted({*outputs.get("hosts", {}), *([BASTION.host] if "bastion" in outputs else [])})
    if not hosts:
        raise SystemExit(f"ssh: nothing is deployed on stack {name}: {command('up', name)}")
    if host not in hosts:
        problem = f"no host {host!r} on this stack" if host else "name a host"
        raise SystemExit(f"ssh: {problem}: make ssh HOST=... with one of {', '.join(hosts)}")
    try:
        ssh_arguments = (
            shlex.split(command_line)
            if command_line.startswith("-")
            else [command_line]
            if command_line
            else []
        )
    except ValueError as error:
        raise SystemExit(f"ARGS={command_line!r}: {str(error).lower()}; quote it as in a shell") from None
    folder = ROOT / ".state" / name
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_ssh_files(outputs, folder)
    # The paths in ssh_config are relative to its folder.
    os.chdir(folder)
    os.execvp("ssh", ["ssh", "-F", "ssh_config", host, *ssh_arguments])  # noqa: S606
