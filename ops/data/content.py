"""What a database has of policies, rules and datasources, to compare it with another one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from ops.ssh.commands import Hosts

QUERIES = {
    "policies": "SELECT id, name FROM policies ORDER BY id",
    "rules": "SELECT id, rule FROM policy_rules ORDER BY id",
    "datasources": "SELECT id, name FROM datasources ORDER BY id",
}
# The policies "classification" and "action", which the first engine creates (congress/policy_engines/agnostic.py).
OWN_POLICIES = 2
TABLES = """SELECT COUNT(*) FROM information_schema.TABLES
WHERE TABLE_SCHEMA = "congress" AND TABLE_NAME IN ("policies", "policy_rules", "datasources")"""


@dataclass(frozen=True)
class Content:
    """Content of the database: number of rows of each kind, and a digest of all of them."""

    rows: Mapping[str, int]
    digest: str

    @property
    def is_initial(self) -> bool:
        """Whether it is only what Congress itself writes into an empty database."""
        return self.rows["policies"] <= OWN_POLICIES and not self.rows["rules"] + self.rows["datasources"]

    def __str__(self) -> str:
        return ", ".join(f"{count} {kind}" for kind, count in self.rows.items())


def content_if_any(hosts: Hosts, host: str) -> Content | None:
    """The content of the database on that host, None if it has no such tables. Raises HostError."""
    tables = hosts.run(host, f"mariadb --skip-column-names --batch -e '{TABLES}'")
    return content_of(hosts, host) if tables == str(len(QUERIES)) else None


def content_of(hosts: Hosts, host: str) -> Content:
    """The content of the database on that host. Raises HostError."""
    rows_of = {
        kind: hosts.run(host, f"mariadb --skip-column-names --batch congress -e '{query}'")
        for kind, query in QUERIES.items()
    }
    rows = {kind: len(text.splitlines()) for kind, text in rows_of.items()}
    return Content(rows, sha256("\0".join(rows_of.values()).encode()).hexdigest())
