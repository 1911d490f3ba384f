"""Puts right what an interrupted run of Pulumi left, so that the next `up` or `destroy` finds a state that is true.

A killed engine leaves creations in the state of which nobody knows whether they happened: the next `up` would make the
same thing again, `destroy` would leave it in the cloud. Here each is looked for; what was made is deleted, for nothing
can depend on it yet. A deletion or a change that was cut off is settled by Pulumi's own refresh, and so is a server
that is gone. A server that the cloud could not make (ERROR) is deleted, to be made anew. Nothing else is changed, and
nothing at all while another run holds the stack's lock.

Before all that, a login to another project or region is refused, and so is a cloud in which all of the stack's servers
are missing, or one that is protected: what is forgotten here is made anew, empty, and nobody looks for it again.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from components.preflight import scope
from components.preflight.state import parse_state
from ops.stack.checkpoint import Checkpoint
from ops.stack.orphans import GONE, orphans, remove_server
from ops.stack.pulumi import ask, ends_first
from roles import DATABASE

if TYPE_CHECKING:
    from openstack.compute.v2.server import Server
    from openstack.connection import Connection

# After the state was stored last, which is after the last request was begun, the cloud may still be at it.
SETTLED = timedelta(seconds=10)

Say = Callable[[str], None]


class PulumiError(Exception):
    """Pulumi refused; the text is what it said."""


class RefusedError(Exception):
    """Why nothing may be changed."""


@dataclass(frozen=True)
class Pulumi:
    """The CLI on the stack of this environment.

    `options` are for commands that read the stack's settings; `spared`: URNs that the next run names itself.
    """

    options: Sequence[str] = ()
    spared: frozenset[str] = frozenset()

    def export(self) -> Checkpoint:
        return Checkpoint.of(parse_state(json.loads(self._run("stack", "export"))), self.spared)

    def refresh(self, *options: str) -> None:
        """Compare the state with the cloud, which clears operations on what is in the state."""
        self._run("refresh", "--yes", "--skip-preview", *self.options, *options)

    def _run(self, *arguments: str) -> str:
        with ends_first():
            done = ask("pulumi", *arguments, "--non-interactive")
        if done.returncode:
            printed = done.stdout + done.stderr
            said = printed[max(printed.find("error:"), 0) :].strip()
            raise PulumiError(f"pulumi {arguments[0]}: {said}")
        return done.stdout


Connect = Callable[[str | None], "Connection"]


def look(checkpoint: Checkpoint, cloud: Connection, named: AbstractSet[str]) -> dict[str, Server]:
    """Those of the stack's servers that the cloud has, by id.

    `named`: servers of which the operator said that they are gone. Raises RefusedError.
    """
    if elsewhere := checkpoint.scope and scope.difference(checkpoint.scope, scope.of(cloud)):
        raise RefusedError(elsewhere)
    ours = {server.id: server for server in cloud.compute.servers() if server.id in checkpoint.servers}
    if unexpected := refused(checkpoint, ours.keys(), named):
        raise RefusedError(unexpected)
    return ours


def refused(checkpoint: Checkpoint, there: AbstractSet[str], named: AbstractSet[str]) -> str | None:
    """Why the state must not forget the servers that are not `there`; None where it may."""
    expected = {id_: name for id_, name in checkpoint.servers.items() if id_ not in checkpoint.leaving}
    missing = {id_: name for id_, name in expected.items() if id_ not in there}
    protected = {name for id_, name in missing.items() if id_ in checkpoint.protected}
    everything = len(missing) > 1 and len(missing) == len(expected)
    # Of all servers the one with the data stands for the others.
    dear = (
        protected
        or {name for name in missing.values() if name.endswith(f"-{DATABASE.host}")}
        or {*missing.values()}
    )
    asked = (dear if everything else protected) - named
    if not asked:
        return None
    who = "all servers of the stack are" if everything else f"{', '.join(sorted(protected))}, protected, is"
    where = f" from {checkpoint.scope}" if checkpoint.scope else ""
    return (
        f"{who} gone{where}; if that is true, and what was on them may be forgotten, say so by name: "
        f"GONE='{' '.join(sorted(asked))}' (docs/recover.md, A cloud that is lost)"
    )


def mend(pulumi: Pulumi, connect: Connect, say: Say, named: AbstractSet[str] = frozenset()) -> None:
    """Raises RefusedError, PulumiError, LookupError and what openstacksdk raises; may be run again after any of them.

    `connect`: as the user of a cloud of clouds.yaml, or, with None, as the deployer.
    """
    checkpoint = pulumi.export()
    if checkpoint.empty:
        return
    cloud = connect(None)
    ours = look(checkpoint, cloud, named)
    gone = [name for id_, name in checkpoint.servers.items() if id_ not in ours]
    leaving = [server for server in ours.values() if server.task_state == "deleting"]
    broken = [server for server in ours.values() if never_ran(server)]
    if not (checkpoint.pending or leaving or gone or broken):
        return
    for server in leaving:
        say(f"server {server.name} is being deleted: waiting until it is gone")
        cloud.compute.wait_for_delete(server, wait=GONE)
    for name in gone:
        say(f"server {name} is gone from the cloud: the state forgets it")
    wait_until_settled(checkpoint)
    spared = [word for urn in sorted(checkpoint.spared) for word in ("--exclude", urn)]
    pulumi.refresh("--skip-pending-creates", *spared)
    creations = [pending for pending in checkpoint.pending if pending.creates]
    for pending in (pending for pending in checkpoint.pending if not pending.component):
        at = connect(pending.login) if pending.login and pending.creates else cloud
        found = orphans(at, pending, checkpoint.known)
        fate = "; ".join(f"deleting {orphan.kind} {orphan.name} ({orphan.id})" for orphan in found)
        say(f"{pending.name} was cut off while {pending.operation}{fate and f': {fate}'}")
        for orphan in found:
            orphan.delete()
    for server in broken:
        say(f"the cloud could not make server {server.name} (ERROR): deleting it ({server.id})")
        remove_server(cloud, server)
    if creations or broken:
        pulumi.refresh("--clear-pending-creates", *spared)


def never_ran(server: Server) -> bool:
    """The cloud gave up making it: nothing can be on it."""
    return server.status == "ERROR" and not server.launched_at and server.task_state != "deleting"


def wait_until_settled(checkpoint: Checkpoint) -> None:
    left = checkpoint.written + SETTLED - datetime.now(UTC)
    time.sleep(max(left.total_seconds(), 0))


def urns(run: Sequence[str]) -> frozenset[str]:
    """Those among the words of a command line."""
    return frozenset(part for word in run for part in word.split("=") if part.startswith("urn:pulumi:"))


def connect(login: str | None) -> Connection:
    import openstack  # noqa: PLC0415  half a second that a stack without servers need not wait

    return openstack.connect(cloud=login, api_timeout=30)


def main(
    run: Annotated[list[str] | None, typer.Argument(help="The words of the run that follows.")] = None,
    config_file: Annotated[Path | None, typer.Option(help="As Pulumi's own --config-file.")] = None,
    *,
    only_look: Annotated[bool, typer.Option("--only-look", help="Change nothing: refuse, or not.")] = False,
) -> None:
    """Put right what an interrupted run left on the stack of this environment.

    What the run that follows names itself, as by --replace, is left to it: it must be in the state. $GONE: servers that
    the operator knows to be gone for good.
    """
    from keystoneauth1.exceptions import ClientException  # noqa: PLC0415
    from openstack.exceptions import SDKException  # noqa: PLC0415

    began = time.monotonic()
    told: list[str] = []

    def say(text: str) -> None:
        if not told:
            typer.echo(
                "pending: an earlier run did not come to its end; putting right what it left", err=True
            )
        told.append(text)
        typer.echo(f"pending:   {text}", err=True)

    pulumi = Pulumi(["--config-file", str(config_file)] if config_file else [], urns(run or []))
    named = frozenset(os.environ.get("GONE", "").replace(",", " ").split())
    try:
        if only_look:
            checkpoint = pulumi.export()
            if not checkpoint.empty:
                look(checkpoint, connect(None), named)
        else:
            mend(pulumi, connect, say, named)
    except RefusedError as error:
        typer.echo(f"pending: {error}\npending: nothing was changed", err=True)
        raise typer.Exit(1) from None
    except (PulumiError, LookupError, SDKException, ClientException) as error:
        typer.echo(f"pending: {error}\npending: nothing is lost: mend that and run it again", err=True)
        raise typer.Exit(1) from None
    if told:
        typer.echo(f"pending: done in {time.monotonic() - began:.0f} s", err=True)


if __name__ == "__main__":
    typer.run(main)
