"""Three hosts of the database: any one may fail, no confirmed rule is lost, and no operator has to help."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from openstack.connection import Connection

from roles import DATABASE
from tests.acceptance.support.databases import Members, Rules, adding_rules
from tests.acceptance.support.deployment import CONGRESS_HA, Deployment, run
from tests.acceptance.support.guests import init_of
from tests.acceptance.support.traffic import Traffic, traffic
from tests.support.waiting import wait_for

pytestmark = pytest.mark.timeout(900)

# --config-path replaces the whole section.
ONE = ("database.hosts=1", "database.protect=false")


@pytest.fixture(scope="module")
def members(deployment: Deployment, clouds: dict[str, Connection]) -> Members:
    if len(deployment.hosts("database")) == 1:
        pytest.skip("database.hosts is 1")
    return Members(deployment, clouds["lab-admin"])


@pytest.fixture(scope="module")
def rules(deployment: Deployment, members: Members) -> Iterator[Rules]:
    assert members.servers
    with adding_rules(deployment) as rules:
        yield rules


@pytest.fixture(scope="module")
def asking(deployment: Deployment, members: Members) -> Iterator[Traffic]:
    assert members.servers
    with traffic(deployment) as clients:
        clients.served()
        yield clients


@contextmanager
def fault(asking: Traffic, members: Members, rules: Rules, what: str) -> Iterator[None]:
    """A fault happens inside the context. Then writes succeed again and all hosts are well. Prints the duration."""
    asking.served()
    moment = time.time()
    yield
    asking.served()
    writes = Traffic([client for client in asking.clients if client.writes])
    silence = writes.silence(moment)
    print(f"{what}: {silence:.2f} s without a write, {len(asking.failed(moment))} requests failed")
    members.audit(rules)


def test_one_takes_writes_and_the_hosts_stand_apart(members: Members, rules: Rules) -> None:
    members.audit(rules)
    stand = {server.cloud.compute.get_server(server.id).hypervisor_hostname for server in members.servers}
    assert len(stand) == len(members.servers)


def test_the_writers_process_is_killed(members: Members, asking: Traffic, rules: Rules) -> None:
    with fault(asking, members, rules, "MariaDB killed"):
        members.writer.run("systemctl kill -s KILL mariadb")


def test_the_writers_host_is_off(members: Members, asking: Traffic, rules: Rules) -> None:
    with fault(asking, members, rules, "host off"):
        members.writer.power_off()


@pytest.mark.full
def test_a_lost_replica_is_no_outage(members: Members, asking: Traffic, rules: Rules) -> None:
    with fault(asking, members, rules, "replica off"):
        members.replica.power_off()


def test_the_writer_is_moved(members: Members, asking: Traffic, rules: Rules) -> None:
    new = members.replica
    with fault(asking, members, rules, "writer moved"):
        new.run("congress-database take", 120)
    assert members.writer.name == new.name


@pytest.mark.full
def test_a_host_in_standby_has_no_writer(members: Members, asking: Traffic, rules: Rules) -> None:
    writer = members.writer
    with fault(asking, members, rules, "standby"):
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
@pytest.mark.parametrize("back", ["writer", "replica"])
def test_two_lost_stop_writes_with_a_clear_word_and_one_of_them_is_enough(
    deployment: Deployment, members: Members, asking: Traffic, rules: Rules, back: str
) -> None:
    lost = {"writer": members.writer, "replica": members.replica}
    with fault(asking, members, rules, f"two lost, the {back} back"):
        for server in lost.values():
            server.power_off()
        wait_for(
            "status says that nobody takes writes",
            60,
            lambda: [said for said in deployment.troubles() if said.startswith(f"{DATABASE.row}: no host")],
        )
        assert members.writers() == []
        # These two have quorum, and so have the third one rebooted.
        lost[back].power_on()


@pytest.mark.full
def test_a_member_is_replaced(
    deployment: Deployment, members: Members, asking: Traffic, rules: Rules
) -> None:
    host = members.writer.name.removeprefix(members.servers[0].name.removesuffix("database"))
    run([*CONGRESS_HA, "replace", host], timeout=840)
    deployment.hang_up([host])
    asking.served()
    members.audit(rules)


@pytest.mark.full
def test_from_three_to_one_and_back(
    deployment: Deployment, members: Members, asking: Traffic, rules: Rules
) -> None:
    with fault(asking, members, rules, "three, one, three"):
        known = set(rules.known)
        deployment.up(*ONE)
        assert len(members.servers) == 1
        asking.served()
        assert known <= set(rules.stored())
        deployment.well(240)
        deployment.up()
