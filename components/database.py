"""Step 1 of the document, first half: "All the Congress nodes share a database backend".

MariaDB on one host, or on three. "If a replicated database solution is used, it must support table locking. Galera, for
example, would not work": Congress 11 still locks tables when a rule is inserted, so only one server takes writes.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import TYPE_CHECKING, Any

import pulumi

from components.congress_host import CongressHost
from components.database_cluster import USER as REPLICA
from components.database_cluster import DatabaseCluster, replication
from components.foundation.authority import CA_FILE, Authority
from components.foundation.host import Site
from components.foundation.step import Step
from components.shared_service import SharedService
from roles import DATABASE

if TYPE_CHECKING:
    from components.external_database import ExternalDatabase

NAME = "congress"

# The privileges that Congress and congress-db-manage use. congress/db/api.py locks tables at rule inserts.
PRIVILEGES = "SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, DROP, INDEX, REFERENCES, LOCK TABLES"

# Connections of one node: oslo.db's pool as Congress configures it, 10 and 20 more (congress/common/config.py), one for
# its watchdog and one for a session that locks tables.
CONNECTIONS = 32
# For dumps, `make status` and an operator.
SPARE = 20
# The limit is rounded up to a multiple of this: a new limit restarts MariaDB, so few added engines should change it.
STEP = 500

# Seconds. Without them, PyMySQL waits without a limit for a lost host. A rule insert waits for the locks of others.
TIMEOUTS = "connect_timeout=5&read_timeout=60&write_timeout=60"


def tls(ca_file: str) -> str:
    return f"ssl_ca={ca_file}&ssl_check_hostname=true"


class Database(SharedService):
    """`connection` is the value of Congress's `[database] connection`. `identity` changes with its server."""

    connection: pulumi.Output[str]
    identity: pulumi.Output[str]

    def __init__(
        self, name: str, site: Site, authority: Authority, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        settings = site.settings
        several = settings.database.hosts > 1
        common = {
            "database": NAME,
            "clients": site.network.cidr,
            "privileges": PRIVILEGES,
            "max_connections": max_connections(settings.policy_engines.count),
        }

        def context(child: pulumi.ResourceOptions) -> dict[str, Any]:
            if not self.is_cluster:
                return {**common, "replica": REPLICA}
            nodes = [host.hostname for host in self.hosts]
            of_several = {"nodes": nodes, "virtual_address": self.virtual_address}
            return {**common, **of_several, "replication": replication(name, child)}

        super().__init__(
            "congress-ha:index:Database",
            name,
            DATABASE,
            site,
            authority,
            software="mariadb",
            generation=settings.rotation.database,
            template="member" if several else "",
            first_host_first=several,
            context=context,
            protect=settings.database.protect,
            opts=opts,
        )
        if self.is_cluster:
            self.cluster = DatabaseCluster(
                f"{name}-cluster",
                site,
                self.hosts,
                installed=self.installed,
                members=self.steps,
                context={
                    "database": NAME,
                    "user": self.user,
                    "password": self.password.result,
                    "ca_file": CA_FILE,
                    "virtual_address": self.virtual_address,
                },
                opts=pulumi.ResourceOptions(parent=self),
            )
            self.ready = self.cluster.ready
        self.connection = self.url(
            lambda password, addresses: (
                f"mysql+pymysql://{self.user}:{password}@{addresses[0]}/{NAME}?charset=utf8&{TIMEOUTS}&{tls(CA_FILE)}"
            )
        )
        self.identity = self.host.server.id
        self.register_outputs({})


def connections(engines: int) -> int:
    """Of all engines and two datasource nodes: a lost node keeps its connections for a while."""
    return CONNECTIONS * (engines + 2)


def max_connections(engines: int) -> int:
    """MariaDB's limit."""
    return STEP * ceil((connections(engines) + SPARE) / STEP)


class Schema(pulumi.ComponentResource):
    """Congress's tables: `congress-db-manage upgrade head`, run once, on the first of the Congress hosts.

    It waits until Congress is installed on all of them. If a version of Congress cannot be installed, the schema is not
    migrated for it, and an `up` with the old pins still finds the old Congress everywhere. `dumps` first save
    the tables on the database's hosts, for a return to the old version; on a first deployment there are none. Backups
    of an external database are its operator's.
    """

    dumps: Sequence[Step]
    ready: Step

    def __init__(
        self,
        name: str,
        database: Database | ExternalDatabase,
        hosts: Sequence[CongressHost],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("congress-ha:index:Schema", name, None, opts)
        software = {"software": hosts[0].software.digest}
        after = [database.ready, *(host.ready for host in hosts)]
        members = [host.address for host in database.hosts] if len(database.hosts) > 1 else []
        # Of several hosts, only the writer makes the dump.
        self.dumps = [
            Step(
                f"{name}-dump" if host is database.hosts[0] else f"{host.name}-{name}-dump",
                host,
                "database/dump.sh.j2",
                {**software, "members": members},
                parent=self,
                after=after,
                limit=1800,
            )
            for host in database.hosts
        ]
        self.ready = Step(
            name,
            hosts[0].host,
            "database/schema.sh.j2",
            {**software, "database": database.identity},
            parent=self,
            after=self.dumps or after,
            limit=300,
        )
        self.register_outputs({})
