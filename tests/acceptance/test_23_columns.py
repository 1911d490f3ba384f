"""Drivers of 2020 with a current cloud: their rows equal, column by column, what the cloud's APIs return."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any
from uuid import uuid4

import pytest
from openstack.connection import Connection

from tests.acceptance.support import congress
from tests.acceptance.support.columns import COMPUTE, TABLES, Apis
from tests.acceptance.support.deployment import Deployment, request
from tests.acceptance.support.traffic import TIMEOUT
from tests.support.waiting import wait_for

pytestmark = pytest.mark.timeout(300)

NAME = f"congress-columns-{uuid4().hex[:8]}"
POLLED = 90.0  # seconds
SOMEBODY = "11111111-2222-4333-8444-555555555555"
Schemas = dict[str, dict[str, list[str]]]


@pytest.fixture(scope="module")
def apis(clouds: dict[str, Connection]) -> Iterator[Apis]:
    """The lab's cloud, with content for each column."""
    with ExitStack() as made:
        admin = clouds["lab-admin"]
        create = Creation(admin, made)
        identity(create)
        network(create, str(admin.network.find_network("public").id))  # type: ignore[union-attr]
        flavor = {"name": NAME, "vcpus": 1, "ram": 64, "disk": 1, "OS-FLV-EXT-DATA:ephemeral": 2}
        create("compute", "/flavors", flavor=flavor | {"os-flavor-access:is_public": False})
        create("image", "/v2/images", name=NAME, tags=["one", "two"], kernel_id=SOMEBODY, ramdisk_id=SOMEBODY)
        server = Apis(admin).servers()[0]["id"]
        made.enter_context(tagged(admin, f"/servers/{server}/tags/{NAME}"))
        yield Apis(admin)


class Creation:
    """Create an object by an API; delete it at the end."""

    def __init__(self, admin: Connection, made: ExitStack) -> None:
        self.session: Any = admin.session
        self.made = made

    def __call__(self, service: str, path: str, **body: Any) -> str:
        """`body`: the object, wrapped in a field of its name where the API requires that. Returns its id."""
        where = {"service_type": service, "interface": "public"}
        answer = self.session.post(path, json=body, endpoint_filter=where, headers=COMPUTE).json()
        id_ = str((answer if "id" in answer else answer[next(iter(body))])["id"])
        self.made.callback(self.session.delete, f"{path}/{id_}", endpoint_filter=where)
        return id_


@contextmanager
def tagged(admin: Connection, path: str) -> Iterator[None]:
    session: Any = admin.session
    asked = {"endpoint_filter": {"service_type": "compute", "interface": "public"}, "headers": COMPUTE}
    session.put(path, **asked)
    try:
        yield
    finally:
        session.delete(path, **asked)


def identity(create: Creation) -> None:
    create("identity", "/domains", domain={"name": NAME, "enabled": False, "description": "a domain"})
    # Congress supports only ASCII text.
    project = create("identity", "/projects", project={"name": NAME, "description": "Zürich"})
    create("identity", "/users", user={"name": NAME, "enabled": False, "default_project_id": project})
    create("identity", "/roles", role={"name": NAME})


def network(create: Creation, public: str) -> None:
    net = create("network", "/v2.0/networks", network={"name": NAME, "admin_state_up": False, "shared": True})
    four = {
        "cidr": "192.0.2.0/24",
        "ip_version": 4,
        "gateway_ip": "192.0.2.1",
        "enable_dhcp": False,
        "dns_nameservers": ["192.0.2.53", "192.0.2.54"],
        "host_routes": [{"destination": "198.51.100.0/24", "nexthop": "192.0.2.9"}],
        "allocation_pools": [
            {"start": "192.0.2.10", "end": "192.0.2.19"},
            {"start": "192.0.2.30", "end": "192.0.2.39"},
        ],
    }
    subnet = create("network", "/v2.0/subnets", subnet=four | {"network_id": net, "name": NAME})
    slaac = {"ipv6_ra_mode": "slaac", "ipv6_address_mode": "slaac", "gateway_ip": None}
    six = {"cidr": "2001:db8::/64", "ip_version": 6, **slaac}
    create("network", "/v2.0/subnets", subnet=six | {"network_id": net, "name": NAME})
    groups = [
        create("network", "/v2.0/security-groups", security_group={"name": f"{NAME}-{number}"})
        for number in range(2)
    ]
    for rule in (
        {"direction": "ingress", "protocol": "tcp", "port_range_min": 22, "port_range_max": 23},
        {"direction": "ingress", "protocol": "112", "remote_ip_prefix": "192.0.2.0/24"},
        {"direction": "egress", "ethertype": "IPv6", "remote_group_id": groups[1]},
        {"direction": "ingress", "protocol": "icmp", "port_range_min": 8, "port_range_max": 0},
    ):
        rule_of = {"security_group_id": groups[0], **rule}
        create("network", "/v2.0/security-group-rules", security_group_rule=rule_of)
    fixed = [{"subnet_id": subnet, "ip_address": f"192.0.2.{last}"} for last in (11, 31)]
    port = {"network_id": net, "name": NAME, "fixed_ips": fixed, "security_groups": groups}
    create("network", "/v2.0/ports", port=port | {"device_owner": "congress:columns"})
    gateway = {"network_id": public}
    create("network", "/v2.0/routers", router={"name": NAME, "external_gateway_info": gateway})
    create("network", "/v2.0/floatingips", floatingip={"floating_network_id": public})


@pytest.fixture(scope="module")
def engine(deployment: Deployment, apis: Apis) -> Iterator[str]:
    """URL of an engine of a stack that has a datasource of each driver, named after the driver."""
    assert not {s["name"] for s in congress.ok(deployment.api("GET", "/v1/data-sources"))["results"]} & set(
        TABLES
    )
    try:
        for driver in TABLES:
            made = congress.datasource_of(driver, driver, apis.admin)
            congress.ok(deployment.api("POST", "/v1/data-sources", made, timeout=TIMEOUT))
        with deployment.engine_urls() as urls:
            yield next(iter(urls.values()))
    finally:
        for driver in TABLES:
            congress.forget(deployment, None, driver)


@pytest.fixture(scope="module")
def schemas(engine: str) -> Schemas:
    """Driver -> its tables -> their columns."""
    answers = {
        d: congress.ok(request("GET", f"{engine}/v1/data-sources/{d}/schema"))["tables"] for d in TABLES
    }
    return {
        driver: {table["table_id"]: [column["name"] for column in table["columns"]] for table in tables}
        for driver, tables in answers.items()
    }


def test_each_table_of_the_drivers_is_compared(schemas: Schemas) -> None:
    assert {driver: set(tables) for driver, tables in schemas.items()} == {
        driver: set(tables) for driver, tables in TABLES.items()
    }


@pytest.mark.parametrize(("driver", "name"), [(driver, name) for driver in TABLES for name in TABLES[driver]])
def test_rows_equal_the_answer_of_the_api(
    engine: str, apis: Apis, schemas: Schemas, driver: str, name: str
) -> None:
    table, columns = TABLES[driver][name], schemas[driver][name]

    def same() -> bool:
        items = list(table.items(apis))
        expected, absent = table.rows(items, columns), table.absent(items, columns)
        assert expected
        assert not absent, f"the API tells nothing of {absent}"
        actual = congress.rows(engine, f"data-sources/{driver}/tables/{name}")
        assert actual == expected, differing(columns, expected, actual)
        return True

    wait_for(f"rows of {driver}:{name} are what the API says", POLLED, same)


def differing(
    columns: Sequence[str], expected: list[tuple[str, ...]], actual: list[tuple[str, ...]]
) -> dict[str, Any]:
    """Rows that only one side has, and the columns whose values differ."""
    values = {
        column: (
            {row[i] for row in expected} - {row[i] for row in actual},
            {row[i] for row in actual} - {row[i] for row in expected},
        )
        for i, column in enumerate(columns)
    }
    return {
        "rows of the API alone": sorted(set(expected) - set(actual))[:3],
        "rows of the driver alone": sorted(set(actual) - set(expected))[:3],
        "columns: values of the API alone, of the driver alone": {c: v for c, v in values.items() if any(v)},
    }
