"""`congress-ha replace`: replaces a host's server by one with the image, flavor and user data of the current settings.

Address, SSH host key and floating IP stay. The same command continues an interrupted run.

Exit code 0: replaced, nothing is wrong; 1: not finished, or something is wrong; 2: refused, nothing was changed.
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
from ops.replacement.procedure import IncompleteError, RefusedError, Replacement, UnhealthyError
from ops.stack.outputs import StackError
from ops.stack.reporting import described


def main(
    host: Annotated[str, typer.Argument(help="one of the stack's hosts")] = "",
    file: Annotated[
        Path | None,
        typer.Argument(help="a backup to load, if the database's data cannot be saved", resolve_path=True),
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
    except (IncompleteError, cloud.CloudError, OSError, *PROBLEMS) as error:
        text = described(error) if isinstance(error, OSError) else str(error)
        typer.echo(f"replace: {text}\nreplace: make replace HOST={host} continues", err=True)
        raise typer.Exit(1) from None
    except UnhealthyError as error:
        typer.echo(f"replace: {host} is replaced, but make status reports: {error}", err=True)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        typer.echo(f"replace: interrupted; make replace HOST={host} continues", err=True)
        raise typer.Exit(1) from None
    seconds = f"nothing is wrong; it took {time.monotonic() - began:.0f} s"
    if replacement.finished_earlier_run:
        typer.echo(
            f"replace: the earlier replacement of {host} is finished, and {seconds}; to replace this server, too, run "
            f"make replace HOST={host} again"
        )
    else:
        typer.echo(f"replace: {host} is replaced, and {seconds}")
