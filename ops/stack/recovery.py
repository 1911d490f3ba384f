"""Recovery from an interrupted Pulumi run: afterwards the state matches the cloud, and `up` or `destroy` can run.

A killed engine leaves pending creations in the state. Pulumi does not know whether they happened: the next `up` would
create the resource a second time, `destroy` would leave it in the cloud. This module searches the cloud for each of
them and deletes what was created, because nothing can depend on it yet. Pulumi's own refresh settles interrupted
deletions and updates, and servers that are gone. A server that the cloud failed to create (ERROR) is deleted, so that
`up` creates a new one. Nothing else is changed, and nothing at all while another run holds the stack's lock.

Three cases are refused before that: a login for another project or region; a cloud in which all of the stack's servers,
or a protected one, are missing; and an old state, whose server is gone while the cloud has another one of that name.
A server that is removed from the state would be created again, empty.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from components.preflight import foreign, scope
from components.preflight.state import parse_state
from ops.stack.checkpoint import Checkpoint
from ops.stack.orphans import DELETE_TIMEOUT, delete_server, orphans
from ops.stack.pulumi import ask, ends_first
from roles import DATABASE

if TYPE_CHECKING:
    from openstack.compute.v2.server import Server
    from openstack.connection import Connection

# Pulumi writes the state after each request. The cloud may work on the last request for so long after the last write.
SETTLED = timedelta(seconds=10)

Say = Callable[[str], None]

NO_PULUMI = "no pulumi is in PATH: install Pulumi's CLI, or take this project's: source toolchain/env"


class PulumiError(Exception):
    """Pulumi failed. The text is its own message."""


class RefusedError(Exception):
    """The recovery was refused. The text says why and names the way out."""


@dataclass(frozen=True)
class Pulumi:
    """The CLI on the stack of this environment.

    `options`: for commands that read the stack's settings. `excluded`: URNs that the next run names itself.
    """

    options: Sequence[str] = ()
    excluded: frozenset[str] = frozenset()

    def export(self) -> Checkpoint:
        return Checkpoint.of(parse_state(json.loads(self._run("stack", "export"))), self.excluded)

    def refresh(self, *options: str) -> None:
        """Run `pulumi refresh`, which clears pending operations on resources in the state."""
        self._run("refresh", "--yes", "--skip-preview", *self.options, *options)

    def _run(self, *arguments: str) -> str:
        try:
            with ends_first():
                done = ask("pulumi", *arguments, "--non-interactive")
        except FileNotFoundError:
            raise PulumiError(NO_PULUMI) from None
        if done.returncode:
            printed = done.stdout + done.stderr
            message = printed[max(printed.find("error:"), 0) :].strip()
            raise PulumiError(f"pulumi {arguments[0]}: {message}")
        return done.stdout


Connect = Callable[[str | None], "Connection"]


def servers_in_cloud(
    checkpoint: Checkpoint, cloud: Connection, confirmed_gone: AbstractSet[str]
) -> dict[str, Server]:
    """The stack's servers that exist in the cloud, by id.

    `confirmed_gone`: names of servers that the operator confirmed as gone. Raises RefusedError.
    """
    if elsewhere := checkpoint.scope and scope.difference(checkpoint.scope, scope.of(cloud)):
        raise RefusedError(elsewhere)
    ours = {server.id: server for server in cloud.compute.servers() if server.id in checkpoint.servers}
    if unexpected := reason_to_refuse(checkpoint, ours.keys(), confirmed_gone):
        raise RefusedError(unexpected)
    return ours


def reason_to_refuse(
    checkpoint: Checkpoint, present: AbstractSet[str], confirmed_gone: AbstractSet[str]
) -> str | None:
    """Why missing servers must not be removed from the state; None if they may be.

    `present`: ids of the stack's servers in the cloud.
    """
    expected = {id_: name for id_, name in checkpoint.servers.items() if id_ not in checkpoint.deleting}
    missing = {id_: name for id_, name in expected.items() if id_ not in present}
    protected = {name for id_, name in missing.items() if id_ in checkpoint.protected}
    everything = len(missing) > 1 and len(missing) == len(expected)
    # If all servers are missing, it is enough to confirm the one with the data.
    to_confirm = (
        protected
        or {name for name in missing.values() if name.endswith(f"-{DATABASE.host}")}
        or {*missing.values()}
    )
    unconfirmed = (to_confirm if everything else protected) - confirmed_gone
    if not unconfirmed:
        return None
    who = "all servers of the stack are" if everything else f"{', '.join(sorted(protected))}, protected, is"
    where = f" from {checkpoint.scope}" if checkpoint.scope else ""
    return (
        f"{who} gone{where}; if that is true and their data may be given up, confirm it by name: "
        f"GONE='{' '.join(sorted(unconfirmed))}' (docs/recover.md, A cloud that is lost)"
    )


def recover(
    pulumi: Pulumi, connect: Connect, say: Say, confirmed_gone: AbstractSet[str] = frozenset()
) -> None:
    """Bring state and cloud into agreement. Idempotent, so it may be repeated after any error.

    `connect`: takes a cloud's name in clouds.yaml, or None for the deployer's own. `say`: prints progress.
    `confirmed_gone`: names of servers that the operator confirmed as gone.
    Raises RefusedError, PulumiError, LookupError and what openstacksdk raises.
    """
    checkpoint = pulumi.export()
    if checkpoint.empty:
        return
    cloud = connect(None)
    ours = servers_in_cloud(checkpoint, cloud, confirmed_gone)
    gone = [name for id_, name in checkpoint.servers.items() if id_ not in ours]
    if gone and (
        others := foreign.unknown(cloud.compute.servers(), gone, checkpoint.ids, checkpoint.pending)
    ):
        raise RefusedError(foreign.refusal(cloud, others, checkpoint.ids, gone))
    deleting = [server for server in ours.values() if server.task_state == "deleting"]
    broken = [server for server in ours.values() if never_ran(server)]
    if not (checkpoint.pending or deleting or gone or broken):
        return
    for server in deleting:
        say(f"server {server.name} is being deleted: waiting until it is gone")
        cloud.compute.wait_for_delete(server, wait=DELETE_TIMEOUT)
    for name in gone:
        say(f"server {name} is gone from the cloud: removing it from the state")
    wait_until_settled(checkpoint)
    excluded = [word for urn in sorted(checkpoint.excluded) for word in ("--exclude", urn)]
    pulumi.refresh("--skip-pending-creates", *excluded)
    creations = [pending for pending in checkpoint.pending if pending.creates]
    for pending in (pending for pending in checkpoint.pending if not pending.component):
        at = connect(pending.login) if pending.login and pending.creates else cloud
        made = orphans(at, pending, checkpoint.ids)
        fate = "; ".join(f"deleting {orphan.kind} {orphan.name} ({orphan.id})" for orphan in made)
        say(f"{pending.name} was interrupted while {pending.operation}{fate and f': {fate}'}")
        for orphan in made:
            orphan.delete()
    for server in broken:
        say(f"the cloud failed to create server {server.name} (ERROR): deleting it ({server.id})")
        delete_server(cloud, server)
    if creations or broken:
        pulumi.refresh("--clear-pending-creates", *excluded)


def never_ran(server: Server) -> bool:
    """Whether the cloud failed to create the server, so that it cannot hold data."""
    return server.status == "ERROR" and not server.launched_at and server.task_state != "deleting"


def wait_until_settled(checkpoint: Checkpoint) -> None:
    remaining = checkpoint.written + SETTLED - datetime.now(UTC)
    time.sleep(max(remaining.total_seconds(), 0))


def urns(run: Sequence[str]) -> frozenset[str]:
    """The URNs among the arguments of a command line."""
    return frozenset(part for word in run for part in word.split("=") if part.startswith("urn:pulumi:"))
