"""The datasource node survives every single fault, and two nodes never run at the same time."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager

import openstack
import pytest
from openstack.connection import Connection

from tests.acceptance.support.alarms import alarms
from tests.acceptance.support.deployment import CommandError, Deployment, setting_options
from tests.acceptance.support.faults import FAULTS, suffer
from tests.acceptance.support.guests import Server
from tests.acceptance.support.pair import Expected, Pair, watched
from tests.acceptance.support.random_faults import survive
from tests.acceptance.support.role_faults import ALL_FAULTS, ROLE_FAULTS
from tests.support.waiting import wait_for

pytestmark = pytest.mark.timeout(600)

SEQUENCE = 60  # seconds; `make faults` makes longer ones
# Of faults with nearly the same effect on the node, one is in each run; the random sequence draws from all of them.
LONG = {
    "crm resource move",
    "corosync killed",
    "Pacemaker killed",
    "host rebooted from inside",
    "cut from everything",
    "RabbitMQ restarted",
    "MariaDB restarted",
    "database lost for the host",
}
CONGRESS_CONF = "/etc/congress/congress.conf"
LOGIN = "/etc/congress-ha/fencing.json"


@pytest.fixture(scope="module")
def pair(deployment: Deployment, clouds: dict[str, Connection]) -> Iterator[Pair]:
    with watched(deployment, clouds["lab-admin"]) as pair:
        yield pair


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.full if name in LONG else ()) for name in FAULTS]
)
def test_one_datasource_node_and_fresh_rows(pair: Pair, name: str) -> None:
    suffer(pair, FAULTS[name])


@pytest.mark.full
@pytest.mark.parametrize("name", ROLE_FAULTS)
def test_fresh_rows_whichever_other_role_fails(pair: Pair, name: str) -> None:
    suffer(pair, ROLE_FAULTS[name])


def test_pushed_rows_go_with_the_process_that_had_them(deployment: Deployment, pair: Pair) -> None:
    with alarms(deployment, pair.probe.engines, 1) as table:
        table.size = 3
        table.push_all(60)
        suffer(pair, FAULTS["process killed"])
        table.exact(60, size=0)
        table.push_all(60)


@pytest.mark.timeout(SEQUENCE + 400)
def test_a_random_sequence(pair: Pair) -> None:
    end, survived = time.monotonic() + SEQUENCE, 0
    while time.monotonic() < end:
        name = pair.dice.choice(list(ALL_FAULTS))
        print(f"{survived + 1}. {name}", flush=True)
        survive(pair, ALL_FAULTS[name])
        survived += 1
    assert survived > 0


def test_a_fence_device_that_cannot_log_in_is_shown_and_the_way_out_helps(pair: Pair) -> None:
    host = pair.standby
    device = f"fence-{pair.active.name}"
    with swapped(host, LOGIN, 's/"application_credential_id": *"/&0/'):
        host.run(
            f"crm_resource --refresh --resource {device}"
        )  # instead of the next monitor, within a minute
        wait_for(
            "status names the device", 120, lambda: any(device in trouble for trouble in pair.troubles())
        )
    host.run(f"crm resource cleanup {device}")
    pair.well()


def test_the_fencing_credential_can_do_nothing_else(pair: Pair, clouds: dict[str, Connection]) -> None:
    login = json.loads(pair.active.run(f"cat {LOGIN}"))
    names = ("auth_url", "application_credential_id", "application_credential_secret")
    session = openstack.connect(
        auth_type="v3applicationcredential",
        auth={name: login[name] for name in names},
        region_name=login["region"],
    ).session
    other = next(s.id for s in clouds["lab"].compute.servers() if s.name == "congress-dev-database")
    asked = {
        ("compute", f"/servers/{pair.active.id}"): 200,
        ("compute", f"/servers/{other}"): 401,
        ("compute", "/servers/detail"): 401,
        ("network", "/v2.0/ports"): 401,
        ("identity", "/users"): 403,  # keystone goes by the role
    }
    answers = {
        (service, path): session.get(
            path, endpoint_filter={"service_type": service}, raise_exc=False
        ).status_code
        for service, path in asked
    }
    assert answers == asked


def test_a_configuration_that_differs_on_the_standby_is_refused(deployment: Deployment, pair: Pair) -> None:
    step, moment = pair.standby.name.removeprefix("congress-dev-"), time.time()
    pair.standby.run(f"echo '# by hand' >> {CONGRESS_CONF}")
    refusal = f"{step}: {CONGRESS_CONF} is not what this stack wrote"
    setting = "datasourceNode.monitorInterval=20s"
    with pytest.raises(CommandError, match=re.escape(refusal)) as refused:
        deployment.up(setting)
    way_out = re.search(r"pulumi up --replace '(\S+)'", str(refused.value))
    assert way_out is not None
    deployment.up_with("--replace", way_out[1], *setting_options(setting))
    pair.audit(moment, Expected(limit=0, absences=0))
    deployment.up()


@contextmanager
def swapped(host: Server, file: str, edit: str) -> Iterator[None]:
    """A file of a host, temporarily changed by sed."""
    host.run(f"cp -p {file} {file}.kept && sed -i '{edit}' {file}")
    try:
        yield
    finally:
        host.run(f"mv {file}.kept {file}")
