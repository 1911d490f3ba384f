"""Congress's own drivers poll a cloud of more servers and more flavors, some private, than nova puts on a page."""

import json
from collections.abc import Iterator

import pytest

from tests.congress_runtime.support.congress_python import run_script
from tests.simulated_cloud.apis import NOVA_PAGE, serving
from tests.simulated_cloud.cloud import Cloud, flavor

SERVERS = 2 * NOVA_PAGE + 500


@pytest.fixture(scope="module")
def cloud() -> Cloud:
    cloud = Cloud(SERVERS)
    cloud.items["compute/flavors"] = [flavor(number) for number in range(2 * NOVA_PAGE)]
    return cloud


@pytest.fixture(scope="module")
def auth_url(cloud: Cloud) -> Iterator[str]:
    with serving(cloud) as url:
        yield url


# Collection of the cloud -> the driver and the table that it becomes.
TABLES = {
    "compute/servers": ("nova", "servers"),
    "compute/flavors": ("nova", "flavors"),
    "compute/os-hypervisors": ("nova", "hypervisors"),
    "compute/os-services": ("nova", "services"),
    "compute/os-availability-zone": ("nova", "availability_zones"),
    "network/networks": ("neutronv2", "networks"),
    "network/subnets": ("neutronv2", "subnets"),
    "network/ports": ("neutronv2", "ports"),
    "network/routers": ("neutronv2", "routers"),
    "network/security-groups": ("neutronv2", "security_groups"),
    "network/floatingips": ("neutronv2", "floating_ips"),
    "identity/users": ("keystonev3", "users"),
    "identity/roles": ("keystonev3", "roles"),
    "identity/projects": ("keystonev3", "projects"),
    "identity/domains": ("keystonev3", "domains"),
    "image/images": ("glancev2", "images"),
}


def polled(which: str, auth_url: str) -> dict[str, dict[str, int]]:
    observations: dict[str, dict[str, int]] = json.loads(run_script("nova_pages.py", which, auth_url))
    return observations


def test_drivers_have_a_row_for_each_resource_of_the_cloud(cloud: Cloud, auth_url: str) -> None:
    observed = polled("ours", auth_url)
    assert set(TABLES) == set(cloud.items)
    rows = {path: observed[driver][table] for path, (driver, table) in TABLES.items()}
    assert rows == {path: len(items) for path, items in cloud.items.items()}
    assert observed["neutronv2"]["security_group_rules"] == cloud.rules
    assert observed["nova"]["servers.addresses"] == SERVERS


def test_upstream_has_only_the_first_page_of_servers_and_public_flavors(auth_url: str) -> None:
    """The reason for patches.nova_pages. Once Congress has no such flaw, the patch can go."""
    observed = polled("upstream", auth_url)["nova"]
    assert (observed["servers"], observed["flavors"]) == (NOVA_PAGE, NOVA_PAGE)
