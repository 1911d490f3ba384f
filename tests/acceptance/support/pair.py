"""The pair under test: which host runs the datasource node, and whether all is well again after a fault."""

from __future__ import annotations

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

# Until a host that was fenced has booted and rejoined, and the bus has dropped the connection of a lost node.
WELL_AGAIN = 180.0
MAY_PAUSE = 1.0
# As templates/datasource_node/ds_node.crm.j2 has them, with half a minute for Pacemaker to look.
AVOIDED, FORGOTTEN = 3, 150.0


@dataclass(frozen=True)
class Expected:
    """What a fault may do. `limit`: seconds until a row is fresh through every engine.

    `vanishes`: a host may go without closing its connections, so that the bus still counts its consumer until the
    heartbeat is over, beside that of the other host.
    """

    limit: float
    absences: int = 1
    vanishes: bool = False


class Pair:
    def __init__(
        self, deployment: Deployment, admin: Connection, observer: Observer, probe: FreshnessProbe
    ) -> None:
        self.deployment, self.observer, self.probe = deployment, observer, probe
        found = admin.compute.servers(all_projects=True)
        self.servers = tuple(Server(s.name, s.id, admin) for s in found if s.name in observer.hosts)

    @property
    def active(self) -> Server:
        """Runs the datasource node; fails unless exactly one does."""
        ((host, _),) = self.observer.running()
        return next(server for server in self.servers if server.name == host)

    @property
    def standby(self) -> Server:
        active = self.active
        return next(server for server in self.servers if server is not active)

    def troubles(self) -> list[str]:
        """What `make status` finds wrong."""
        return self.deployment.troubles()

    def well(self, seconds: float = WELL_AGAIN) -> None:
        """Wait until nothing is wrong any more, by itself."""
        self.deployment.well(seconds)

    def whole(self) -> None:
        """Wait until Pacemaker avoids neither host for its failures: until then it is no standby for a next fault."""

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
        """After a fault at `moment`: well again, rows fresh and none left over, never two nodes in between."""
        self.well()
        self.probe.fresh(time.time(), limit=15)
        self.probe.single(limit=15)
        record = self.observer.since(moment)
        story = record.story()
        assert record.longest_pause < MAY_PAUSE, f"{record.longest_pause:.1f} s were not observed"
        assert record.most == 1, story
        assert len(record.absences) <= expected.absences, story
        counts = [count for _, count in record.consumers]
        assert max(counts) <= (2 if expected.vanishes else 1), counts
        assert counts[-1] == 1, counts[-20:]
        return record


@contextmanager
def watched(deployment: Deployment, admin: Connection) -> Iterator[Pair]:
    """The deployment's pair with observer and probe at work."""
    names = [f"congress-{STACK}-{name}" for name in deployment.hosts("datasource-node")]
    bus = [*deployment.ssh_command(deployment.engines[0]["host"]), "sudo /opt/congress/bin/python -"]
    with deployment.engine_urls() as engines:
        probe = FreshnessProbe(deployment, admin, engines)
        probe.prepare()
        with probe, Observer(names, bus) as observer:
            # An engine takes up a new datasource, then a rule over it, each at a synchronisation of its own.
            probe.fresh(time.time(), limit=60)
            yield Pair(deployment, admin, observer, probe)
    probe.forget()
