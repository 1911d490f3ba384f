"""The command `python -m ops.stack.pending`: runs the recovery from an interrupted Pulumi run (recovery.py).

scripts/pulumi runs it before each `up` and `destroy`. Exit code 0: state and cloud agree; 1: refused, or failed.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Annotated

import typer

from ops.stack.recovery import Pulumi, PulumiError, RefusedError, recover, servers_in_cloud, urns

if TYPE_CHECKING:
    from openstack.connection import Connection


def connect(login: str | None) -> Connection:
    import openstack  # noqa: PLC0415  takes half a second: main() begins it while Pulumi exports the state

    return openstack.connect(cloud=login, api_timeout=30)


def expected_errors() -> tuple[type[Exception], ...]:
    from keystoneauth1.exceptions import ClientException  # noqa: PLC0415
    from openstack.exceptions import SDKException  # noqa: PLC0415

    return PulumiError, LookupError, SDKException, ClientException


def main(
    run: Annotated[list[str] | None, typer.Argument(help="Arguments of the Pulumi run that follows.")] = None,
    config_file: Annotated[Path | None, typer.Option(help="Pulumi's own option --config-file.")] = None,
    *,
    check_only: Annotated[
        bool, typer.Option("--check-only", help="Only check whether the recovery is refused.")
    ] = False,
) -> None:
    """Recover this environment's stack from an interrupted Pulumi run.

    Resources that the next run names itself, as by --replace, are left to it and stay in the state. $GONE: names of
    servers that the operator confirms as gone.
    """
    started = time.monotonic()
    Thread(target=expected_errors).start()
    messages: list[str] = []

    def say(text: str) -> None:
        if not messages:
            typer.echo("pending: an earlier run was interrupted; recovering from it", err=True)
        messages.append(text)
        typer.echo(f"pending:   {text}", err=True)

    pulumi = Pulumi(["--config-file", str(config_file)] if config_file else [], urns(run or []))
    confirmed_gone = frozenset(os.environ.get("GONE", "").replace(",", " ").split())
    try:
        if check_only:
            checkpoint = pulumi.export()
            if not checkpoint.empty:
                servers_in_cloud(checkpoint, connect(None), confirmed_gone)
        else:
            recover(pulumi, connect, say, confirmed_gone)
    except RefusedError as error:
        typer.echo(f"pending: {error}\npending: nothing was changed", err=True)
        raise typer.Exit(1) from None
    except Exception as error:
        if not isinstance(error, expected_errors()):
            raise
        typer.echo(f"pending: {error}\npending: nothing is lost: correct that and run it again", err=True)
        raise typer.Exit(1) from None
    if messages:
        typer.echo(f"pending: done in {time.monotonic() - started:.0f} s", err=True)


if __name__ == "__main__":
    typer.run(main)
