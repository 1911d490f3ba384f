"""The health of the database: MariaDB's connections and locks, when policies last changed, and the copies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Self

from ops.health.facts import EXTERNAL, Facts, Unseen
from ops.health.finding import Finding, unanswered, wrong
from ops.health.parsing import parsed
from ops.health.role_health import Candidate, Health, Probe
from ops.ssh.survey import Report
from ops.stack.outputs import Stack
from roles import DATABASE, by_name

# If this share of the database's connections is in use, the next engine or a burst of requests may get none.
FULL = 0.8
# Prints lines of `name value`. `changed`: seconds since the last change of policies and rules, whose dates Congress
# stores in its hosts' local time; NULL on a stack that never had any.
MEMBER = "if [ -e /etc/congress-ha/database.json ]; then congress-database status; fi"
QUERIES = """
SELECT 'connections', VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS
  WHERE VARIABLE_NAME = 'THREADS_CONNECTED';
SELECT 'max_connections', @@max_connections;
SELECT 'waiting', COUNT(*) FROM information_schema.PROCESSLIST
  WHERE STATE LIKE 'Waiting for %lock%' AND TIME >= 5;
SELECT 'waiting_seconds', COALESCE(MAX(TIME), 0) FROM information_schema.PROCESSLIST
  WHERE STATE LIKE 'Waiting for %lock%';
SELECT 'changed', TIMESTAMPDIFF(SECOND, MAX(moment), NOW()) FROM (
  SELECT MAX(created_at) AS moment FROM congress.policies UNION
  SELECT MAX(deleted_at) FROM congress.policiesdeleted UNION
  SELECT MAX(GREATEST(created_at, COALESCE(deleted_at, created_at))) FROM congress.policy_rules) AS moments;
"""


@dataclass(frozen=True)
class Database:
    """`waiting`: statements that wait 5 s or more for a lock, up to `waiting_seconds`.

    `changed`: seconds since the last change of a policy or rule, None if there never was one.
    """

    connections: int
    max_connections: int
    waiting: int
    waiting_seconds: int
    changed: int | None


def read(lines: str) -> Database:
    values = dict(line.split("\t") for line in lines.splitlines())
    changed = values.pop("changed")
    numbers = {name: int(value) for name, value in values.items()}
    return Database(**numbers, changed=None if changed == "NULL" else int(changed))


@dataclass(frozen=True)
class Member:
    """One of several hosts. `role`: writer or replica. `state`: what it last reported to the cluster, "" if nothing.

    `kept`: the role in its file; a `part` may have lost writes, and does not replace the writer before it has them.
    `lag`: seconds that a replica is behind, None if it follows nobody. `copies`: replicas that receive from a writer.
    """

    role: str
    state: str
    kept: str
    lag: int | None
    copies: int


def read_member(lines: str) -> Member:
    rows = [line.split("\t") for line in lines.splitlines()]
    values = {row[0]: row[1] for row in rows if row[0] != "state"}
    states = {row[1]: row[2] for row in rows if row[0] == "state"}
    lag = None if values["lag"] == "NULL" else int(values["lag"])
    return Member(values["role"], states.get(values["name"], ""), values["kept"], lag, int(values["clients"]))


@dataclass(frozen=True)
class DatabaseHealth(Health):
    """`database`: of the single host, or of the writer. `members`: each host, empty if there is only one."""

    database: Database | Unseen
    members: Mapping[str, Member | Unseen] = field(default_factory=dict)

    probes = (Probe("database", "mariadb -N -B", QUERIES), Probe("member", "bash -s", MEMBER))

    @classmethod
    def parse(cls, _stack: Stack, reports: Mapping[str, Report]) -> Self:
        if not reports:
            return cls(EXTERNAL)
        if len(reports) == 1:
            (report,) = reports.values()
            return cls(parsed(report, "database", read))
        members = {name: parsed(report, "member", read_member) for name, report in reports.items()}
        writer = next((name for name, member in members.items() if _is_writer(member)), next(iter(members)))
        return cls(parsed(reports[writer], "database", read), members)

    def findings(self, _facts: Facts) -> Iterator[Finding]:
        yield from self._of_members()
        if isinstance(self.database, Unseen):
            # Of several hosts, the members' own findings say it, and Pacemaker starts MariaDB.
            if not self.members:
                way_out = "on database: sudo journalctl -u mariadb -n 50; sudo systemctl restart mariadb"
                yield from unanswered(DATABASE.row, self.database, "MariaDB does not answer", way_out)
            return
        here = next((name for name, member in self.members.items() if _is_writer(member)), DATABASE.host)
        used, most = self.database.connections, self.database.max_connections
        if used >= FULL * most:
            way_out = f"on {here}: sudo mariadb -e 'SHOW PROCESSLIST' shows whose; restart that engine"
            yield wrong(DATABASE.row, f"{used} of {most} connections are used", way_out)
        if self.database.waiting:
            what = (
                f"{self.database.waiting} statements wait for locks, up to {self.database.waiting_seconds} s"
            )
            way_out = (
                f"on {here}: sudo mariadb -e 'SHOW FULL PROCESSLIST'; KILL the one that holds the tables"
            )
            yield wrong(DATABASE.row, what, way_out)

    def _of_members(self) -> Iterator[Finding]:
        if self.members and not any(map(_is_writer, self.members.values())):
            what = "no host of the database takes writes"
            yield wrong(
                DATABASE.row, what, f"on {DATABASE.host}: sudo congress-database status; sudo crm_mon -1"
            )
        for host, member in self.members.items():
            log = f"on {host}: sudo journalctl -u pacemaker -n 50; sudo crm_mon -1"
            if isinstance(member, Unseen):
                yield from unanswered(DATABASE.row, member, f"the database at {host}", log)
            elif member.state in {"diverged", "copies"}:
                what = f"the copy at {host} cannot follow the writer"
                yield wrong(DATABASE.row, what, f"on {host}: sudo congress-database rebuild")
            elif member.role == "writer" and not member.copies:
                what = f"no replica receives from {host}, so every write waits until one does"
                yield wrong(DATABASE.row, what, "see the other hosts of the database")
            elif member.role == "replica" and member.state != "follows":
                yield wrong(
                    DATABASE.row, f"the copy at {host} receives nothing ({member.state or 'no state'})", log
                )

    def _refusal_of_several(self, host: str) -> str | None:
        """Refuses unless the others have all writes and go on without it: the writer needs a replica."""
        others = {name: member for name, member in self.members.items() if name != host}
        lost = [name for name, member in others.items() if not _serves(member)]
        first = f"repair {', '.join(lost)} first (make status)"
        if not lost:
            return None
        if _serves(self.members[host]):
            return f"without {host}, the database would have one host: {first}"
        if any(map(_is_writer, others.values())) or all(map(_votes, others.values())):
            return None
        return f"{host} may have the only copy of the last writes, because no other host has all of them: {first}"

    def refusal(self, candidate: Candidate) -> str | None:
        """Refuses if its data would be lost."""
        if self.members:
            return self._refusal_of_several(candidate.host)
        for name, described in candidate.facts.hosts.items():
            # For a consistent backup, every Congress process must be stopped first.
            if by_name(described.role).runs_congress and described.ssh:
                return (
                    f"{name} cannot be reached ({described.ssh}), and its Congress processes must stop: "
                    "repair it first"
                )
        if not isinstance(self.database, Unseen) or candidate.saved:
            return None
        host, file = candidate.host, candidate.backup_file
        why = candidate.facts.hosts[host].ssh or self.database.why
        if file:
            return (
                f"MariaDB on {host} does not answer ({why}), and its data may have changed since an earlier run saved "
                f"it in {file}: repair it (make status), or: make replace HOST={host} FILE={file}"
            )
        return (
            f"MariaDB on {host} does not answer ({why}), so its data cannot be saved: repair it (make status), "
            f"or load a backup into a new one: make replace HOST={host} FILE=..."
        )

    def rows(self, _facts: Facts) -> dict[str, str]:
        if isinstance(self.database, Unseen):
            return {DATABASE.row: ""}
        used, most = self.database.connections, self.database.max_connections
        parts = [f"answers, {used} of {most} connections used"]
        for host, member in self.members.items():
            if not isinstance(member, Unseen):
                behind = "" if member.lag is None else f" ({member.lag} s behind)"
                has = "catches up" if member.kept == "part" else "has a copy"
                parts.append(f"{host} {'takes writes' if member.role == 'writer' else has}{behind}")
        return {DATABASE.row: ", ".join(parts)}


def _is_writer(member: Member | Unseen) -> bool:
    return isinstance(member, Member) and member.role == "writer"


def _votes(member: Member | Unseen) -> bool:
    """Whether it waits for an election, and has all that it ever confirmed (files/database)."""
    return isinstance(member, Member) and member.state.startswith("full:")


def _serves(member: Member | Unseen) -> bool:
    return isinstance(member, Member) and (member.role == "writer" or member.state == "follows")
