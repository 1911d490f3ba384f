"""Step 1 of the document, its first half: "All the Congress nodes share a database backend".

MariaDB on one host. "If a replicated database solution is used, it must support table locking. Galera, for
example, would not work": Congress 11 still locks tables when a rule is inserted, so there is one server.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

import pulumi
import pulumi_random as random

from components.congress_host import CongressHost
from components.foundation.authority import CA_FILE, Authority
from components.foundation.host import Host, Site
from components.foundation.step import Step
from roles import DATABASE
from settings import of_generation

NAME = "congress"

# What Congress and `congress-db-manage` use. LOCK TABLES: congress/db/api.py locks tables at rule inserts.
PRIVILEGES = "SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, DROP, INDEX, REFERENCES, LOCK TABLES"

# Of each node: oslo.db's pool as Congress sets it, 10 and 20 more (congress/common/config.py), and its watchdog's and
# a locking session's beside it.
CONNECTIONS = 32
# For dumps, `make status` and an operator.
SPARE = 20
# In steps, for another figure restarts MariaDB: one more engine seldom does.
STEP = 500

# Seconds. PyMySQL waits for ever for a host that is gone; a rule insert waits for another's locks, but not for long.
PATIENCE = "connect_timeout=5&read_timeout=60&write_timeout=60"
VERIFIED = f"ssl_ca={CA_FILE}&ssl_check_hostname=true"


class Database(pulumi.ComponentResource):
    """`connection` is the value of Congress's `[database] connection`, known when `ready` saw `user` log in by TLS."""

    host: Host
    user: str
    connection: pulumi.Output[str]
    ready: Step

    def __init__(
        self, name: str, site: Site, authority: Authority, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("congress-ha:index:Database", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        self.host = Host(name, DATABASE, site, protect=site.settings.database.protect, opts=child)
        generation = site.settings.rotation.database
        self.user = of_generation(NAME, generation)
        self.password = random.RandomPassword(
            of_generation(f"{name}-password", generation), length=32, special=False, opts=child
        )
        # Known by its address: hosts have no names for each other, and the port keeps it when the server is replaced.
        certificate = authority.sign(name, self.host.hostname, addresses=[self.host.address])
        context = {
            "database": NAME,
            "user": self.user,
            "password": self.password.result,
            "clients": site.network.cidr,
            "privileges": PRIVILEGES,
            "address": self.host.address,
            "identity": certificate.identity,
            "authority": authority.certificate,
            "ca_file": CA_FILE,
            "max_connections": max_connections(site.settings.policy_engines.count),
        }
        self.ready = Step(f"{name}-mariadb", self.host, "database/mariadb.sh.j2", context, parent=self)
        known = pulumi.Output.all(self.password.result, self.host.address, self.ready.id)
        self.connection = pulumi.Output.secret(
            known.apply(
                lambda k: (
                    f"mysql+pymysql://{self.user}:{k[0]}@{k[1]}/{NAME}?charset=utf8&{PATIENCE}&{VERIFIED}"
                )
            )
        )
        self.register_outputs({})


def max_connections(engines: int) -> int:
    """For all of them at once, and two datasource nodes: that of a lost host keeps its connections for a while."""
    return STEP * ceil((CONNECTIONS * (engines + 2) + SPARE) / STEP)


class Schema(pulumi.ComponentResource):
    """Congress's tables: `congress-db-manage upgrade head`, once, on the first of the hosts that have Congress.

    After all of them have it: nothing is migrated for a Congress that could not be installed, and `up` with the pins
    of before finds them everywhere even if it then cannot go on. `dump`: what the tables hold is kept on the database's
    host first, for the way back. On a first deployment there are none.
    """

    dump: Step
    ready: Step

    def __init__(
        self,
        name: str,
        database: Database,
        hosts: Sequence[CongressHost],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("congress-ha:index:Schema", name, None, opts)
        software = {"software": hosts[0].software.digest}
        self.dump = Step(
            f"{name}-dump",
            database.host,
            "database/dump.sh.j2",
            software,
            parent=self,
            after=[database.ready, *(host.ready for host in hosts)],
            limit=1800,
        )
        self.ready = Step(
            name,
            hosts[0].host,
            "database/schema.sh.j2",
            {**software, "database": database.host.server.id},
            parent=self,
            after=[self.dump],
            limit=300,
        )
        self.register_outputs({})
