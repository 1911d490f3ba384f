"""Three hosts of the database: which host takes writes, a client that adds rules all the time, and an audit of both."""

from __future__ import annotations

import re
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count, pairwise
from urllib.parse import urlsplit

from openstack.connection import Connection

from tests.acceptance.support import congress
from tests.acceptance.support.deployment import Deployment
from tests.acceptance.support.guests import Server, init_of
from tests.support.waiting import wait_for

POLICY = "three_databases"
AWAY = 300.0  # seconds for an engine that is away to be back
# HAProxy's answer without an engine.
NO_ENGINE = "No server is available"
IS_WRITER = "congress-database is-writer 2> /dev/null && echo yes || true"


def writers_host(deployment: Deployment) -> str:
    """The host of the database that takes writes."""
    hosts = deployment.hosts("database")
    if len(hosts) == 1:
        return hosts[0]
    (found,) = wait_for(
        "a host of the database takes writes",
        60,
        lambda: [host for host in hosts if deployment.on(host, IS_WRITER)],
    )
    return str(found)


def address(deployment: Deployment) -> str:
    """Where Congress finds the database."""
    line = deployment.on(deployment.engines[0]["host"], "grep '^connection = ' /etc/congress/congress.conf")
    return str(urlsplit(line.partition(" = ")[2]).hostname)


@contextmanager
def stopped(deployment: Deployment) -> Iterator[None]:
    """No host of the database runs MariaDB."""
    host, *others = deployment.hosts("database")
    role = "crm_resource --resource database-clone --meta {} target-role"
    stop, start = (
        (f"{role.format('--set-parameter')} --parameter-value Stopped", role.format("--delete-parameter"))
        if others
        else ("systemctl stop mariadb", "systemctl start mariadb")
    )
    deployment.on(host, stop)
    try:
        yield
    finally:
        deployment.on(host, start)


class Rules(threading.Thread):
    """Adds one rule after another.

    `known`: the rules that the API has confirmed, each with the time of that. `refused`: those that reached no engine.
    Each other rule may be there or not: its request has failed, after an engine had it.
    """

    def __init__(self, deployment: Deployment, pause: float) -> None:
        super().__init__(daemon=True)
        self.deployment, self.pause, self.over = deployment, pause, threading.Event()
        self.known, self.refused = dict[int, float](), set[int]()

    def run(self) -> None:
        for number in count():
            if self.over.wait(self.pause):
                return
            try:
                made = self.deployment.api(
                    "POST", f"/v1/policies/{POLICY}/rules", {"rule": f"known({number})"}
                )
            except OSError:
                continue
            if made.status == 201:
                self.known[number] = time.time()
            elif NO_ENGINE in str(made.body):
                self.refused.add(number)

    def stop(self) -> None:
        self.over.set()
        self.join(150)
        assert not self.is_alive(), "a request to add a rule has no answer"

    def added_again(self, seconds: float) -> None:
        """Wait until one more rule is confirmed."""
        now = time.time()
        wait_for("rules are added again", seconds, lambda: self.last > now)

    @property
    def last(self) -> float:
        """Time of the last confirmation, 0 without one."""
        return max(list(self.known.values()), default=0)

    def silence(self, moment: float) -> float:
        """The longest time since then without a confirmation, in seconds."""
        times = [moment, *(confirmed for confirmed in list(self.known.values()) if confirmed > moment)]
        return max(later - earlier for earlier, later in pairwise(times))

    def are_whole(self) -> None:
        """Assert that each known rule is stored once, and no refused one."""
        known, stored = set(self.known), self.stored()
        assert known <= set(stored), sorted(known - set(stored))
        assert len(stored) == len(set(stored)), [
            number for number, times in Counter(stored).items() if times > 1
        ]
        assert not self.refused & set(stored), sorted(self.refused & set(stored))

    def stored(self) -> list[int]:
        """The rules in the database, each as often as it is stored."""
        rules = congress.ok(self.deployment.api("GET", f"/v1/policies/{POLICY}/rules"))["results"]
        return [int(found[1]) for rule in rules if (found := re.search(r"known\((\d+)\)", rule["rule"]))]


@contextmanager
def adding_rules(deployment: Deployment, pause: float = 0.2) -> Iterator[Rules]:
    """A client that adds rules to a policy of its own, with a pause of so many seconds between two.

    After a failure, the rules stay, for who looks into it.
    """
    wait_for("no policy of before", AWAY, lambda: forgotten(deployment))
    congress.ok(deployment.api("POST", "/v1/policies", {"name": POLICY}))
    rules = Rules(deployment, pause)
    rules.start()
    try:
        wait_for("rules are added", 60, lambda: len(rules.known) >= 3)
        yield rules
    finally:
        rules.stop()
    wait_for("the policy is gone", AWAY, lambda: forgotten(deployment))


def forgotten(deployment: Deployment) -> bool:
    """Whether the policy is gone; an error means that an engine is away for a moment."""
    congress.forget(deployment, POLICY)
    return True


class Members:
    def __init__(self, deployment: Deployment, admin: Connection) -> None:
        self.deployment, self.admin = deployment, admin

    @property
    def servers(self) -> list[Server]:
        return Server.of_role("database", self.deployment, self.admin)

    def writers(self) -> list[Server]:
        return writers_of(self.servers)

    @property
    def writer(self) -> Server:
        (found,) = wait_for("there is a writer", 60, self.writers)
        return found

    @property
    def replica(self) -> Server:
        writer = self.writer
        return next(server for server in self.servers if server.name != writer.name)

    def may_lose_one(self) -> bool:
        """Whether one host takes writes, and each other one follows it and may take its place."""
        servers = self.servers
        writers = writers_of(servers)
        assert len(writers) == 1, [server.name for server in writers]
        return all(
            {"kept\treplica", f"state\t{server.name}\tfollows"}
            <= set(server.run("congress-database status").splitlines())
            for server in servers
            if server not in writers
        )

    def audit(self, rules: Rules) -> None:
        """Assert that all is well, one host takes writes and has the address, and all have each known rule once."""
        self.deployment.well(300)
        self.data_is_whole(rules)

    def data_is_whole(self, rules: Rules) -> None:
        """Assert that one host takes writes and has the address, and that each host has every known rule once."""
        servers = self.servers
        writers = writers_of(servers)
        assert len(writers) == 1, [server.name for server in writers]
        rules.are_whole()
        holds = "ip -o -4 address show | grep -c '/32 ' || true"
        assert [server for server in servers if server.run(holds).strip() == "1"] == writers
        wait_for("all copies are equal", 60, lambda: equal(servers, set(rules.known)))


def writers_of(servers: list[Server]) -> list[Server]:
    return [server for server in servers if init_of(server.name) and server.run(IS_WRITER).strip()]


def equal(servers: list[Server], known: set[int]) -> bool:
    """Each host has every known rule once, and all hosts have the same rules up to the last known one.

    Later rules may differ, because they are added while one host is asked after the other.
    """
    query = "mariadb -NBe 'SELECT policy_name, rule FROM congress.policy_rules WHERE deleted_at IS NULL'"
    ours = re.compile(rf"^{POLICY}\tknown\((\d+)\)$", re.MULTILINE)
    stored = [[int(number) for number in ours.findall(server.run(query))] for server in servers]
    assert all(len(numbers) == len(set(numbers)) for numbers in stored)
    first, *others = [{number for number in numbers if number <= max(known)} for numbers in stored]
    return known <= first and all(other == first for other in others)
