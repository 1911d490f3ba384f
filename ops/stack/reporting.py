"""How a command for a deployment ends after an error: one line and an exit code."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from ops.common.progress import StoppedError
from ops.stack.outputs import StackError, UnreadableError


@contextmanager
def reported_errors(tool: str, *failures: type[Exception], unreadable: int = 1) -> Iterator[None]:
    """Exit code 2 if there is no deployment; `unreadable` if its state cannot be read; 1 for `failures`, and for a
    signal. Exit code 1 also for a full disk and other errors of this machine's files.
    """
    reported: tuple[type[Exception], ...] = (StoppedError, *failures)
    try:
        yield
    except UnreadableError as error:
        typer.echo(f"{tool}: {error}", err=True)
        raise typer.Exit(unreadable) from None
    except StackError as error:
        typer.echo(f"{tool}: {error}", err=True)
        raise typer.Exit(2) from None
    except reported as error:
        typer.echo(f"{tool}: {error}", err=True)
        raise typer.Exit(1) from None
    except OSError as error:
        typer.echo(f"{tool}: {described(error)}", err=True)
        raise typer.Exit(1) from None


def described(error: OSError) -> str:
    """Such as `No space left on device: /a/file`."""
    return ": ".join(str(part) for part in (error.strerror or error, error.filename) if part)
