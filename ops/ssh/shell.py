"""A shell on a host of the stack, through its bastion, every host verified."""

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
    words: Annotated[str, typer.Argument(metavar="COMMAND", help="see above")] = "",
) -> None:
    """Open a shell on HOST, or run COMMAND there, one word, which its shell reads as it stands.

    One that begins with - is options of ssh, split into words.
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
        behind = shlex.split(words) if words.startswith("-") else [words] if words else []
    except ValueError as error:
        raise SystemExit(
            f"ARGS={words!r}: {str(error).lower()}; quotes make words of it as in a shell"
        ) from None
    folder = ROOT / ".state" / name
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_ssh_files(outputs, folder)
    # The paths in ssh_config are relative to its folder.
    os.chdir(folder)
    os.execvp("ssh", ["ssh", "-F", "ssh_config", host, *behind])  # noqa: S606
