"""The health of the database host: MariaDB's connections and locks, and when policies last changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Self

from ops.health.facts import EXTERNAL, Facts, Unseen
from ops.health.finding import Finding, unanswered, wrong
from ops.health.parsing import parsed
from ops.health.role_health import Candidate, Health, Probe
from ops.ssh.survey import Report
from ops.stack.outputs import Stack
from roles import DATABASE, by_name

# Share of the database's connections from which the next engine or a burst of requests may get none.
FULL = 0.8
# Prints lines of `name value`. `changed`: seconds since the last change of policies and rules, whose dates Congress
# stores in its hosts' local time; NULL on a stack that never had any.
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
class DatabaseHealth(Health):
    database: Database | Unseen

    probes = (Probe("database", "mariadb -N -B", QUERIES),)

    @classmethod
    def parse(cls, _stack: Stack, reports: Mapping[str, Report]) -> Self:
        for report in reports.values():
            return cls(parsed(report, "database", read))
        return cls(EXTERNAL)

    def findings(self, _facts: Facts) -> Iterator[Finding]:
        if isinstance(self.database, Unseen):
            way_out = "on database: sudo journalctl -u mariadb -n 50; sudo systemctl restart mariadb"
            yield from unanswered(DATABASE.row, self.database, "MariaDB does not answer", way_out)
            return
        used, most = self.database.connections, self.database.max_connections
        if used >= FULL * most:
            way_out = "on database: sudo mariadb -e 'SHOW PROCESSLIST' shows whose; restart that engine"
            yield wrong(DATABASE.row, f"{used} of {most} connections are used", way_out)
        if self.database.waiting:
            what = (
                f"{self.database.waiting} statements wait for locks, up to {self.database.waiting_seconds} s"
            )
            way_out = (
                "on database: sudo mariadb -e 'SHOW FULL PROCESSLIST'; KILL the one that holds the tables"
            )
            yield wrong(DATABASE.row, what, way_out)

    def refusal(self, candidate: Candidate) -> str | None:
        """Refuses if its data would be lost."""
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
        return {DATABASE.row: f"answers, {used} of {most} connections used"}
