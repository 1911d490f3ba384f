"""The pair under test: which host runs the datasource node, and whether the pair is healthy after a fault."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from openstack.connection import Connection

from tests.acceptance.support.deployment import STACK, Deployment
from tests.acceptance.support.freshness_probe import FreshnessProbe
from tests.acceptance.support.guests import Server
from tests.acceptance.support.observer import Observer, Record
from tests.support.waiting import wait_for

# Time until a fenced host has booted and rejoined, and the bus has dropped the connection of a lost node.
WELL_AGAIN = 180.0
MAY_PAUSE = 1.0
# The counter on the bus may wait for each of three hosts for some seconds.
MAY_COUNT_LATE = 30.0
# The values of templates/datasource_node/ds_node.crm.j2, and half a minute for Pacemaker to check.
AVOIDED, FORGOTTEN = 3, 150.0


@dataclass(frozen=True)
class Expected:
    """The permitted effects of a fault. `limit`: seconds until every engine has a fresh row.

    `vanishes`: a host may disappear without closing its connections. Then the bus counts its consumer, beside the next
    one, until the heartbeat times out; or, if it was a host of the bus itself, until that one is back.
    """

    limit: float
    absences: int = 1
    vanishes: bool = False


class Pair:
    """`dice`: draws one of the equal hosts of a role."""

    def __init__(
        self,
        deployment: Deployment,
        admin: Connection,
        observer: Observer,
        probe: FreshnessProbe,
        dice: random.Random,
    ) -> None:
        self.deployment, self.admin, self.observer, self.probe = deployment, admin, observer, probe
        self.dice = dice
        found = admin.compute.servers(all_projects=True)
        self._all = {server.name: Server(server.name, server.id, admin) for server in found}
        self.servers = tuple(server for name, server in self._all.items() if name in observer.hosts)

    def server(self, host: str) -> Server:
        """The server of any host of the stack."""
        return self._all[f"congress-{STACK}-{host}"]

    def some(self, role: str) -> str:
        """The name of one of a role's hosts."""
        return self.dice.choice(self.deployment.hosts(role))

    @property
    def active(self) -> Server:
        """The server that runs the datasource node; fails unless there is exactly one."""
        ((host, _),) = self.observer.running()
        return next(server for server in self.servers if server.name == host)

    @property
    def standby(self) -> Server:
        active = self.active
        return next(server for server in self.servers if server is not active)

    def troubles(self) -> list[str]:
        """The problems that `make status` reports."""
        return self.deployment.troubles()

    def well(self, seconds: float = WELL_AGAIN) -> None:
        """Wait until the deployment has no problem."""
        self.deployment.well(seconds)

    def whole(self) -> None:
        """Wait until Pacemaker avoids neither host because of failures; until then it has no standby."""

        def avoids_none() -> bool:
            host, count = (
                self.active,
                "crm_attribute -t status -n fail-count-ds-node#asyncmon_0 -G -q -d 0 -N",
            )
            counts = {server.name: int(host.run(f"{count} {server.name}")) for server in self.servers}
            assert max(counts.values()) < AVOIDED, counts
            return True

        wait_for("failures are forgotten", FORGOTTEN, avoids_none)

    def audit(self, moment: float, expected: Expected) -> Record:
        """After a fault at `moment`, assert health, fresh rows without old ones, and never two nodes in between."""
        self.well()
        self.probe.fresh(time.time(), limit=15)
        self.probe.single(limit=15)
        record = self.observer.since(moment)
        story = record.story()
        assert record.longest_pause < MAY_PAUSE, f"{record.longest_pause:.1f} s were not observed"
        assert record.most == 1, story
        assert len(record.absences) <= expected.absences, story
        counts = [count for _, count in record.consumers]
        allowed = 2 if expected.vanishes else 1
        assert max(counts) <= allowed, (
            f"{max(counts)} consumers on the bus, {counts.count(max(counts))} times"
        )
        assert counts[-1] == 1, counts[-20:]
        assert time.time() - record.consumers[-1][0] < MAY_COUNT_LATE, "nobody counts on the bus any more"
        return record


@contextmanager
def watched(deployment: Deployment, admin: Connection, seed: int = 1) -> Iterator[Pair]:
    """The deployment's pair, with a running observer and freshness probe. `seed`: of the pair's dice."""
    names = [f"congress-{STACK}-{name}" for name in deployment.hosts("datasource-node")]
    bus = [*deployment.ssh_command(deployment.engines[0]["host"]), "sudo /opt/congress/bin/python -"]
    with deployment.engine_urls() as engines:
        probe = FreshnessProbe(deployment, admin, engines)
        probe.prepare()
        with probe, Observer(names, bus) as observer:
            # An engine gets a new datasource and then a rule over it, each at a separate synchronisation.
            probe.fresh(time.time(), limit=60)
            yield Pair(deployment, admin, observer, probe, random.Random(seed))  # noqa: S311  repeatable
    probe.forget()
