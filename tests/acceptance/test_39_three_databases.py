"""Three hosts of the database: any one may fail, no rule that a client knows of is lost, and nobody must help."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

import pytest
from openstack.connection import Connection

from tests.acceptance.support import congress
from tests.acceptance.support.deployment import CONGRESS_HA, Deployment, run
from tests.acceptance.support.guests import Server, init_of
from tests.acceptance.support.traffic import Traffic, traffic
from tests.support.waiting import wait_for

pytestmark = pytest.mark.timeout(900)

POLICY = "three_databases"
HOST_LIMIT, PROCESS_LIMIT = 10.0, 6.0  # seconds without a write


class Rules(threading.Thread):
    """Adds one rule after another. `known`: those that the API has confirmed."""

    def __init__(self, deployment: Deployment) -> None:
        super().__init__(daemon=True)
        self.deployment, self.known, self.over = deployment, set[int](), threading.Event()

    def run(self) -> None:
        for number in count():
            if self.over.wait(0.2):
                return
            try:
                made = self.deployment.api(
                    "POST", f"/v1/policies/{POLICY}/rules", {"rule": f"known({number})"}
                )
            except OSError:
                continue
            if made.status == 201:
                self.known.add(number)

    def stored(self) -> list[int]:
        """The rules that are there, each as often as it is there."""
        rules = congress.ok(self.deployment.api("GET", f"/v1/policies/{POLICY}/rules"))["results"]
        return [int(found[1]) for rule in rules if (found := re.search(r"known\((\d+)\)", rule["rule"]))]


class Members:
    def __init__(self, deployment: Deployment, admin: Connection) -> None:
        self.deployment, self.admin = deployment, admin

    @property
    def servers(self) -> list[Server]:
        return Server.of_role("database", self.deployment, self.admin)

    def writers(self) -> list[Server]:
        running = [server for server in self.servers if init_of(server.name)]
        asked = "congress-database is-writer 2> /dev/null && echo yes || true"
        return [server for server in running if server.run(asked).strip()]

    @property
    def writer(self) -> Server:
        (found,) = wait_for("there is a writer", 60, self.writers)
        return found

    @property
    def replica(self) -> Server:
        writer = self.writer
        return next(server for server in self.servers if server.name != writer.name)

    def audit(self, rules: Rules) -> None:
        """Nothing is wrong, one takes writes and has the address, and every known rule is there once on each host."""
        self.deployment.well(300)
        assert len(self.writers()) == 1
        known, stored = set(rules.known), rules.stored()
        assert known <= set(stored)
        assert len(stored) == len(set(stored))
        holds = "ip -o -4 address show | grep -c '/32 ' || true"
        assert [server.name for server in self.servers if server.run(holds).strip() == "1"] == [
            self.writer.name
        ]
        wait_for("all copies are equal", 60, self.equal)

    def equal(self) -> bool:
        query = "mariadb -NBe 'SELECT COUNT(*), COALESCE(SUM(CRC32(rule)), 0) FROM congress.policy_rules'"
        return len({server.run(query) for server in self.servers}) == 1


@pytest.fixture(scope="module")
def members(deployment: Deployment, clouds: dict[str, Connection]) -> Members:
    if len(deployment.hosts("database")) == 1:
        pytest.skip("database.hosts is 1")
    return Members(deployment, clouds["lab-admin"])


@pytest.fixture(scope="module")
def rules(deployment: Deployment, members: Members) -> Iterator[Rules]:
    assert members.servers
    congress.forget(deployment, POLICY)
    congress.ok(deployment.api("POST", "/v1/policies", {"name": POLICY}))
    writing = Rules(deployment)
    writing.start()
    try:
        yield writing
    finally:
        writing.over.set()
        writing.join(60)
        congress.forget(deployment, POLICY)


@pytest.fixture(scope="module")
def asking(deployment: Deployment, members: Members) -> Iterator[Traffic]:
    assert members.servers
    with traffic(deployment) as clients:
        clients.served()
        yield clients


@contextmanager
def fault(asking: Traffic, members: Members, rules: Rules, what: str, limit: float) -> Iterator[None]:
    """The writer is lost inside: writes succeed again within the limit, and all are well afterwards."""
    asking.served()
    moment = time.time()
    yield
    asking.served()
    writes = Traffic([client for client in asking.clients if client.writes])
    silence = writes.silence(moment)
    print(f"{what}: {silence:.2f} s without a write, {len(asking.failed(moment))} requests failed")
    members.audit(rules)
    assert silence < limit


def test_one_takes_writes_and_the_hosts_stand_apart(members: Members, rules: Rules) -> None:
    members.audit(rules)
    stand = {server.cloud.compute.get_server(server.id).hypervisor_hostname for server in members.servers}
    assert len(stand) == len(members.servers)


def test_the_writers_process_is_killed(members: Members, asking: Traffic, rules: Rules) -> None:
    with fault(asking, members, rules, "MariaDB killed", PROCESS_LIMIT):
        members.writer.run("systemctl kill -s KILL mariadb")


def test_the_writers_host_is_off(members: Members, asking: Traffic, rules: Rules) -> None:
    with fault(asking, members, rules, "host off", HOST_LIMIT):
        members.writer.power_off()


def test_a_lost_replica_is_no_outage(members: Members, asking: Traffic, rules: Rules) -> None:
    with fault(asking, members, rules, "replica off", HOST_LIMIT):
        members.replica.power_off()


def test_the_writer_is_moved(members: Members, asking: Traffic, rules: Rules) -> None:
    writer = members.writer
    with fault(asking, members, rules, "writer moved", PROCESS_LIMIT):
        writer.run("crm_standby --update on", 60)
        wait_for("another one takes writes", 60, lambda: members.writer.name != writer.name)
        writer.run("crm_standby --delete", 60)


@pytest.mark.full
def test_all_off_and_on(members: Members, asking: Traffic, rules: Rules) -> None:
    for server in members.servers:
        server.power_off()
    for server in members.servers:
        wait_for("the server is off", 60, lambda server=server: not init_of(server.name))  # type: ignore[misc]
        server.power_on()
    asking.served()
    members.audit(rules)


@pytest.mark.full
def test_a_member_is_replaced(
    deployment: Deployment, members: Members, asking: Traffic, rules: Rules
) -> None:
    host = members.writer.name.removeprefix(members.servers[0].name.removesuffix("database"))
    deployment.up("database.protect=false")
    run([*CONGRESS_HA, "replace", host], timeout=840)
    deployment.hang_up([host])
    asking.served()
    members.audit(rules)
