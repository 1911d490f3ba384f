"""Replaces one host by a new server, made of the image, flavor and first-boot data that the settings name now.

Its address, SSH host key and floating IP stay. The same command goes on where an interrupted one stopped.

Exit code 0: replaced, and all is well; 1: not finished, or not all is well; 2: refused, nothing was changed.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Annotated

import typer

from ops.cloud import servers as cloud
from ops.data import archive
from ops.data.backup import PROBLEMS
from ops.replacement.procedure import NotWellError, RefusedError, Replacement, UnfinishedError
from ops.stack.outputs import StackError


def main(
    host: Annotated[str, typer.Argument(help="one of the stack's hosts")] = "",
    file: Annotated[
        Path | None, typer.Argument(help="a backup for a database that cannot be saved", resolve_path=True)
    ] = None,
) -> None:
    """Replace a host of stack $STACK (default: dev) by a new server."""
    began = time.monotonic()
    try:
        replacement = Replacement(os.environ.get("STACK", "dev"), host, file)
    except (RefusedError, StackError, archive.ArchiveError) as error:
        typer.echo(f"replace: {error}", err=True)
        raise typer.Exit(2) from None
    try:
        replacement.run()
    except (RefusedError, StackError) as error:
        typer.echo(f"replace: {error}", err=True)
        raise typer.Exit(2) from None
    except (UnfinishedError, cloud.CloudError, *PROBLEMS) as error:
        typer.echo(f"replace: {error}\nreplace: make replace HOST={host} goes on", err=True)
        raise typer.Exit(1) from None
    except NotWellError as error:
        typer.echo(f"replace: {host} is replaced, but make status says: {error}", err=True)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        typer.echo(f"replace: interrupted; make replace HOST={host} goes on", err=True)
        raise typer.Exit(1) from None
    typer.echo(f"replace: {host} is replaced, and all is well; it took {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    typer.run(main)
