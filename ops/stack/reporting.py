"""How a command for a deployment ends after an error: one line and an exit code."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from ops.common.progress import StoppedError
from ops.stack.outputs import StackError


@contextmanager
def reported_errors(tool: str, *failures: type[Exception]) -> Iterator[None]:
    """Exit code 2 if there is no deployment; 1 for `failures`, and for a signal."""
    reported: tuple[type[Exception], ...] = (StoppedError, *failures)
    try:
        yield
    except StackError as error:
        typer.echo(f"{tool}: {error}", err=True)
        raise typer.Exit(2) from None
    except reported as error:
        typer.echo(f"{tool}: {error}", err=True)
        raise typer.Exit(1) from None
