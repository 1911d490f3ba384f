"""One host of a stack, from its old server to the new one."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import typer

from ops.cloud import servers as cloud
from ops.common.limits import Limits
from ops.common.progress import Progress, private_folder
from ops.common.waiting import last_look
from ops.data import archive
from ops.health.assessment import judge
from ops.health.facts import Facts, Unseen
from ops.health.finding import Severity
from ops.health.status import look_at
from ops.replacement.departure import STOPS, Leaving, settle
from ops.replacement.interrupted_run import Begun, BusyError, Unfinished
from ops.replacement.preconditions import nobody_writes, refusal
from ops.replacement.saved_data import KeptData
from ops.ssh.commands import HostError, Hosts
from ops.ssh.files import write_ssh_files
from ops.stack.host_server import Server, server
from ops.stack.outputs import Stack, parse
from ops.stack.pulumi import read_outputs, read_state, work
from roles import DATABASE, by_name

# Seconds until all that reconnects by itself has done so, failures are forgotten, and datasources polled again.
WELL_AGAIN = 240.0


class RefusedError(Exception):
    """Why nothing was done."""


class UnfinishedError(Exception):
    """What failed on the way."""


class NotWellError(Exception):
    """What is wrong with a stack whose host was replaced."""


class Replacement:
    """One host of a stack, from the old server to the new one. `file`: a backup to load in place of what is there."""

    def __init__(self, name: str, host: str, file: Path | None) -> None:
        self.outputs: Mapping[str, Any] = read_outputs()
        self.stack: Stack = parse(name, self.outputs)
        if host not in self.stack.hosts:
            problem = f"no host {host!r} on this stack" if host else "name a host"
            raise RefusedError(
                f"{problem}: make replace HOST=... with one of {', '.join(sorted(self.stack.hosts))}"
            )
        self.host, self.file, self.limits = host, file, Limits.here()
        self.role = by_name(self.stack.hosts[host].role)
        if file is not None:
            if self.role is not DATABASE:
                raise RefusedError(f"{host} holds no data that could be loaded from {file}")
            with archive.read(file):
                pass
        self.note = Unfinished(name, host)

    def run(self) -> None:
        try:
            with self.note.alone():
                self._run()
        except BusyError as error:
            raise RefusedError(f"{error}; nothing was changed") from None

    def _run(self) -> None:
        typer.echo(f"replace: {self.host} of stack {self.stack.name}; {self.role.outage}")
        with private_folder() as folder:
            write_ssh_files(self.outputs, folder, self.limits)
            hosts = Hosts(folder)
            with stage("look", "may it go?"):
                self._see_the_right_cloud()
                now, begun = server(self.host), self.note.read()
                facts = look_at(self.stack, self.outputs, self.limits)
            cut_off = begun if begun is not None and begun.deleted(now) else None
            if cut_off is not None and cut_off.file and not cut_off.loaded:
                self._refuse_to_lose(facts, cut_off, hosts)
            # A new server that cannot be reached may never be: it is made anew.
            if cut_off is not None and (now.gone or facts.hosts[self.host].ssh is None):
                typer.echo("replace: an earlier run deleted the old server; going on")
                begun = cut_off if self.file is None else Begun(cut_off.server, str(self.file))
                self._up(now)
            else:
                begun = self._replace(Leaving(self.stack, self.host, now, hosts, facts), begun)
            if self.role is DATABASE and not begun.loaded:
                with stage("load", f"{begun.file} into the new database"):
                    self._data(hosts).load(Path(begun.file), begun.content)
                # From here on others write, so it must not be loaded again.
                self.note.write(replace(begun, loaded=True))
            if self.role.replaced_alone:
                self._rest(facts)
            if self.role.outage_is_remembered:
                with stage("settle", "what the others remember of the outage is forgotten"):
                    settle(self.stack, self.host, hosts)
        self.note.forget()
        self._see_that_all_is_well()

    def _refuse_to_lose(self, facts: Facts, cut_off: Begun, hosts: Hosts) -> None:
        """Since the earlier run, somebody may have gone on with the new database in another way."""
        if not isinstance(facts.database, Unseen) and (
            reason := self._data(hosts).in_the_way(Path(cut_off.file), cut_off.content)
        ):
            raise RefusedError(
                f"{reason}; to keep what is there, remove {self.note.file}; nothing was changed"
            )

    def _see_the_right_cloud(self) -> None:
        """In another one the old server is not found, which would be taken for its end."""
        try:
            cloud.refuse_another(self.stack.scope or read_state().scope)
        except cloud.CloudError as error:
            raise RefusedError(f"{error}; nothing was changed") from None

    def _replace(self, leaving: Leaving, begun: Begun | None) -> Begun:
        """`begun`: an earlier run, which came to its end neither."""
        facts = leaving.facts
        kept = begun.file if begun is not None and not begun.loaded else ""
        saved = self.file is not None or bool(kept and nobody_writes(facts))
        if reason := refusal(self.stack, facts, self.host, saved=saved, kept=kept):
            raise RefusedError(f"{reason}; nothing was changed")
        with stage("preview", "what Pulumi will do"):
            if not _pulumi("preview", "--replace", leaving.server.urn, *self._only(leaving.server)):
                raise RefusedError("Pulumi refuses, as it says above; nothing was changed")
        now = Begun(leaving.server.id)
        if self.role is DATABASE:
            now = self._keep(leaving, begun if saved else None)
        self.note.write(now)
        self._see_that_nobody_else_replaced(leaving.server)
        with stage("leave", f"{self.host} stops working in good order"):
            leaving.leave()
        self._see_that_nobody_else_replaced(leaving.server)
        self._up(leaving.server, "--replace", leaving.server.urn)
        return now

    def _see_that_nobody_else_replaced(self, known: Server) -> None:
        """Pulumi replaces what its state has then, which from another machine may be a new server by now."""
        if server(self.host).id != known.id:
            raise UnfinishedError(f"somebody else replaced {self.host} meanwhile (see make status)")

    def _keep(self, leaving: Leaving, begun: Begun | None) -> Begun:
        if self.file is not None:
            return Begun(leaving.server.id, str(self.file))
        if begun is not None and not self._gives_its_data(leaving, begun):
            typer.echo(f"replace: the data is in {begun.file}, from an earlier run; nobody has written since")
            return replace(begun, server=leaving.server.id)
        with stage("keep", "nobody writes any more, and the data goes into a file"):
            file, content = self._data(leaving.hosts).keep()
        return Begun(leaving.server.id, str(file), content.digest)

    def _gives_its_data(self, leaving: Leaving, begun: Begun) -> bool:
        """Whether the old server still has the data. The earlier run stopped MariaDB there."""
        if begun.deleted(leaving.server):
            return False
        if isinstance(leaving.facts.database, Unseen):
            try:
                leaving.hosts.run(self.host, f"systemctl start {DATABASE.services[0]}", timeout=STOPS)
            except HostError as error:
                typer.echo(f"replace: {error}")
                return False
        return True

    def _rest(self, facts: Facts) -> None:
        lost = [
            name for name, known in facts.hosts.items() if name != self.host and known.status == "missing"
        ]
        if lost:
            self.note.forget()
            raise NotWellError(
                f"the cloud has no server of {', '.join(lost)}: make replace HOST={lost[0]} is next"
            )
        with stage("up", f"what depends on the server of {self.host}"):
            if not _pulumi("up", "--yes", "--skip-preview"):
                raise UnfinishedError("pulumi up failed, as it says above")

    def _data(self, hosts: Hosts) -> KeptData:
        return KeptData(self.stack, self.outputs, hosts, self.host, Progress("replace"))

    def _up(self, now: Server, *options: str) -> None:
        with stage("up", "the new server, and all steps on it"):
            if not _pulumi("up", "--yes", "--skip-preview", *options, *self._only(now)):
                raise UnfinishedError("pulumi up failed, as it says above")

    def _only(self, now: Server) -> list[str]:
        """Of an empty database no other host shall learn; a new bastion must not wait for another host that is lost."""
        urns = (now.urn, *now.steps) if self.role.replaced_alone else ()
        return [part for urn in urns for part in ("--target", urn)]

    def _see_that_all_is_well(self) -> None:
        with stage("status", "until nothing is wrong any more"):
            if wrong := last_look(WELL_AGAIN, 1, self._wrong, lambda wrong: not wrong):
                raise NotWellError("; ".join(wrong))

    def _wrong(self) -> list[str]:
        found = judge(look_at(self.stack, self.outputs, Limits.here()))
        return [f"{finding.role}: {finding.what}" for finding in found if finding.severity is Severity.WRONG]


@contextmanager
def stage(name: str, what: str) -> Iterator[None]:
    """Says what begins, and how long it took."""
    began = time.monotonic()
    typer.echo(f"== {name}: {what}")
    try:
        yield
    except BaseException:
        typer.echo(f"== {name}: stopped after {time.monotonic() - began:.0f} s")
        raise
    typer.echo(f"== {name}: done in {time.monotonic() - began:.0f} s")


def _pulumi(*arguments: str) -> bool:
    """Whether it succeeded."""
    return work(*arguments, "--non-interactive", "--suppress-outputs") == 0
