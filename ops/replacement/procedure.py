"""The steps of `make replace`: from a host's old server to the new one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import typer

from ops.cloud import servers as cloud
from ops.common.limits import Limits
from ops.common.progress import Progress, private_folder, stage
from ops.common.waiting import poll
from ops.data import archive
from ops.data.dump import DatabaseError
from ops.health.assessment import assess
from ops.health.facts import Facts, Unseen
from ops.health.finding import Severity
from ops.health.role_health import Candidate
from ops.health.roles.database import DatabaseHealth
from ops.health.status import collect_facts
from ops.replacement.departure import STOP_TIMEOUT, Departure, clear_failures
from ops.replacement.interrupted_run import BusyError, RecordFile, ReplacementRecord
from ops.replacement.preconditions import all_writers_stopped, refusal
from ops.replacement.saved_data import SavedData
from ops.ssh.commands import HostError, Hosts
from ops.ssh.files import write_ssh_files
from ops.stack.host_server import Server, server
from ops.stack.outputs import Stack, parse
from ops.stack.pulumi import read_outputs, read_state, work
from roles import DATABASE, ROLES, by_name

# Seconds for services to reconnect, failures to expire and datasources to be polled again.
RECOVERY_TIMEOUT = 240.0


class RefusedError(Exception):
    """The replacement was refused and nothing was changed. The text says why."""


class IncompleteError(Exception):
    """A step failed. The same command continues the replacement."""


class UnhealthyError(Exception):
    """The host was replaced, but something else is wrong. The text says what."""


class Replacement:
    """The replacement of one host. `file`: a backup to load instead of the database's current data."""

    def __init__(self, name: str, host: str, file: Path | None) -> None:
        self.outputs: Mapping[str, Any] = read_outputs()
        self.stack: Stack = parse(name, self.outputs)
        if host not in self.stack.hosts:
            for role in (role for role in ROLES if re.fullmatch(role.host_pattern, host)):
                if yours := self.stack.yours(role):
                    raise RefusedError(f"{yours}, so there is no host {host} to replace")
            problem = f"no host {host!r} on this stack" if host else "name a host"
            raise RefusedError(
                f"{problem}: make replace HOST=... with one of {', '.join(sorted(self.stack.hosts))}"
            )
        self.host, self.file, self.limits = host, file, Limits.for_this_machine()
        self.role = by_name(self.stack.hosts[host].role)
        # If there are several hosts, the others have the data.
        alone = not self.stack.others(host)
        self.holds_data, self.replaced_alone = (
            (self.role.holds_data and alone),
            (self.role.replaced_alone and alone),
        )
        if file is not None:
            if not self.holds_data:
                raise RefusedError(f"{host} holds no data that could be loaded from {file}")
            with archive.read(file):
                pass
        self.record_file = RecordFile(name, host)
        # Whether an earlier run had deleted the old server.
        self.finished_earlier_run = False

    def run(self) -> None:
        try:
            with self.record_file.exclusive():
                self._run()
        except BusyError as error:
            raise RefusedError(f"{error}; nothing was changed") from None

    def _run(self) -> None:
        several = self.role.outage_of_several if self.stack.others(self.host) else ""
        typer.echo(f"replace: {self.host} of stack {self.stack.name}; {several or self.role.outage}")
        with private_folder() as folder:
            write_ssh_files(self.outputs, folder, self.limits)
            hosts = Hosts(folder)
            with stage("check", "whether the host may be replaced"):
                self._require_same_scope()
                now, record = server(self.host), self.record_file.read()
                facts = collect_facts(self.stack, self.outputs, self.limits)
            interrupted = record if record is not None and record.deleted(now) else None
            if interrupted is not None and interrupted.file and not interrupted.loaded:
                self._require_no_data_loss(facts, interrupted, hosts)
            # A new server that is unreachable may stay so, so it is replaced again.
            if interrupted is not None and (now.gone or facts.hosts[self.host].ssh is None):
                typer.echo("replace: an earlier run deleted the old server; continuing")
                self.finished_earlier_run = True
                record = interrupted
                if self.file is not None:
                    record = ReplacementRecord(interrupted.server, str(self.file))
                self._up(now)
            else:
                record = self._replace(Departure(self.stack, self.host, now, hosts, facts), record)
            if self.holds_data and not record.loaded:
                with stage("load", f"{record.file} into the new database"):
                    self._data(hosts).load(Path(record.file), record.content)
                # From here on Congress writes into the database, so it must not be loaded again.
                self.record_file.write(replace(record, loaded=True))
            if self.replaced_alone:
                self._update_dependents(facts)
            if self.role.outage_is_remembered:
                with stage("cleanup", "clear the failures that Pacemaker recorded during the outage"):
                    clear_failures(self.stack, self.host, hosts)
        self.record_file.remove()
        self._wait_until_healthy()

    def _require_no_data_loss(self, facts: Facts, interrupted: ReplacementRecord, hosts: Hosts) -> None:
        """Raises RefusedError if the new database contains other data than the earlier run saved."""
        if not isinstance(facts[DatabaseHealth].database, Unseen) and (
            reason := self._data(hosts).conflict(Path(interrupted.file), interrupted.content)
        ):
            raise RefusedError(
                f"{reason}; to keep the current data, remove {self.record_file.file}; nothing was changed"
            )

    def _require_same_scope(self) -> None:
        """Raises RefusedError for a login to another cloud, in which the old server would look deleted."""
        try:
            cloud.require_same_scope(self.stack.scope or read_state().scope)
        except cloud.CloudError as error:
            raise RefusedError(f"{error}; nothing was changed") from None

    def _replace(self, departure: Departure, record: ReplacementRecord | None) -> ReplacementRecord:
        """Replace the server. `record`: of an earlier run that did not finish either."""
        facts = departure.facts
        if self.file is not None:
            self._require_loadable(departure, self.file)
        backup_file = record.file if record is not None and not record.loaded else ""
        saved = self.file is not None or bool(backup_file and all_writers_stopped(facts))
        if reason := refusal(Candidate(self.stack, facts, self.host, saved, backup_file)):
            raise RefusedError(f"{reason}; nothing was changed")
        with stage("preview", "what Pulumi will change"):
            if not _pulumi("preview", "--replace", departure.server.urn, *self._targets(departure.server)):
                raise RefusedError("Pulumi refuses, see above; nothing was changed")
        now = ReplacementRecord(departure.server.id)
        if self.holds_data:
            now = self._save_data(departure, record if saved else None)
        self.record_file.write(now)
        self._require_same_server(departure.server)
        with stage("stop", f"services on {self.host}, or its part in the cluster"):
            departure.carry_out()
        self._require_same_server(departure.server)
        self._up(departure.server, "--replace", departure.server.urn)
        return now

    def _require_loadable(self, departure: Departure, file: Path) -> None:
        """Raises RefusedError unless the file is needed, and this stack's Congress can use it."""
        if not isinstance(departure.facts[DatabaseHealth].database, Unseen):
            raise RefusedError(
                f"the database on {self.host} answers, and {file} would replace its data: leave FILE out, and they are "
                "saved and loaded; nothing was changed"
            )
        try:
            self._data(departure.hosts).require_loadable(file)
        except (DatabaseError, HostError) as error:
            raise RefusedError(f"{error}; nothing was changed") from None

    def _require_same_server(self, described: Server) -> None:
        """Raises IncompleteError if another run has replaced the server meanwhile: Pulumi would replace the new one."""
        if server(self.host).id != described.id:
            raise IncompleteError(f"another run replaced {self.host} meanwhile (see make status)")

    def _save_data(self, departure: Departure, record: ReplacementRecord | None) -> ReplacementRecord:
        if self.file is not None:
            return ReplacementRecord(departure.server.id, str(self.file))
        if record is not None and not self._can_still_dump(departure, record):
            typer.echo(
                f"replace: the data is in {record.file}, from an earlier run; it has not changed since"
            )
            return replace(record, server=departure.server.id)
        with stage("save", "stop all that writes into the database, and save it in a file"):
            file, content = self._data(departure.hosts).save()
        return ReplacementRecord(departure.server.id, str(file), content.digest)

    def _can_still_dump(self, departure: Departure, record: ReplacementRecord) -> bool:
        """Whether the old server still has the data. The earlier run stopped MariaDB, which is started again here."""
        if record.deleted(departure.server):
            return False
        if isinstance(departure.facts[DatabaseHealth].database, Unseen):
            try:
                departure.hosts.run(
                    self.host, f"systemctl start {DATABASE.services[0]}", timeout=STOP_TIMEOUT
                )
            except HostError as error:
                typer.echo(f"replace: {error}")
                return False
        return True

    def _update_dependents(self, facts: Facts) -> None:
        missing = [
            name
            for name, described in facts.hosts.items()
            if name != self.host and described.status == "missing"
        ]
        if missing:
            self.record_file.remove()
            raise UnhealthyError(
                f"the cloud has no server of {', '.join(missing)}: run make replace HOST={missing[0]} next"
            )
        with stage("up", f"what depends on the server of {self.host}"):
            if not _pulumi("up", "--yes", "--skip-preview"):
                raise IncompleteError("pulumi up failed, see above")

    def _data(self, hosts: Hosts) -> SavedData:
        return SavedData(self.stack, self.outputs, hosts, self.host, Progress("replace"))

    def _up(self, now: Server, *options: str) -> None:
        with stage("up", "the new server, and all steps on it"):
            if not _pulumi("up", "--yes", "--skip-preview", *options, *self._targets(now)):
                raise IncompleteError("pulumi up failed, see above")

    def _targets(self, now: Server) -> list[str]:
        """Pulumi options for this host only: others must not see an empty database, and a bastion waits for none."""
        urns = (now.urn, *now.steps) if self.replaced_alone else ()
        return [part for urn in urns for part in ("--target", urn)]

    def _wait_until_healthy(self) -> None:
        with stage("status", "wait until nothing is wrong"):
            if wrong := poll(RECOVERY_TIMEOUT, 1, self._wrong, lambda wrong: not wrong):
                raise UnhealthyError("; ".join(wrong))

    def _wrong(self) -> list[str]:
        findings = assess(collect_facts(self.stack, self.outputs, Limits.for_this_machine()))
        return [
            f"{finding.role}: {finding.what}" for finding in findings if finding.severity is Severity.WRONG
        ]


def _pulumi(*arguments: str) -> bool:
    """Run Pulumi on this terminal; whether it succeeded."""
    return work(*arguments, "--non-interactive", "--suppress-outputs") == 0
