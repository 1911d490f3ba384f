"""The starting set of policies over the lab's real cloud, and policies that act: each action once, whatever fails.

With `auth: keystone` only. nova itself counts: it records each action of a server (os-instance-actions). libvirt's LXC
driver pauses a server by the freezer, which lab/node/etc/systemd/system/lab-devices.service mounts.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
import yaml
from openstack.connection import Connection

from tests.acceptance.support import congress
from tests.acceptance.support.deployment import Deployment, request
from tests.acceptance.support.policies_folder import EXAMPLES
from tests.acceptance.support.reaction import Nova, executed, fail_over, while_it_settles
from tests.acceptance.support.starting_set import (
    ACTING,
    Folder,
    forbidden_flavors,
    forget,
    unprotected_ports,
    users_without_project,
)
from tests.support.waiting import wait_for

pytestmark = pytest.mark.timeout(900)

NAME = f"congress-reaction-{uuid4().hex[:8]}"
MARK = "execute[nova:servers_set_meta(id, 'congress', 'seen')] :- nova:servers(id=id, name='{name}')"
POLLED, BOOTED = 90.0, 180.0  # seconds


@pytest.fixture(scope="module")
def folder(
    deployment: Deployment, clouds: dict[str, Connection], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Folder]:
    if request("GET", f"{deployment.endpoint}/v1/policies", tls=deployment.tls).status != 401:
        pytest.skip("the stack serves everybody without a token: set `auth: keystone` in Pulumi.dev.yaml")
    folder = Folder(tmp_path_factory.mktemp("policies"), clouds["lab-admin"])
    deployment.token = clouds["lab-admin"].authorize()
    try:
        forget(deployment, folder)
        yield folder
    finally:
        deployment.token = clouds["lab-admin"].authorize()
        forget(deployment, folder)
        deployment.token = None
        deployment.up()


@pytest.fixture(scope="module")
def flavor(clouds: dict[str, Connection]) -> Iterator[str]:
    """The id of a flavor that ForbiddenFlavors does not list."""
    compute: Any = clouds["lab-admin"].compute
    made = compute.create_flavor(name=NAME, vcpus=1, ram=256, disk=2, is_public=True)
    yield made.id
    compute.delete_flavor(made)


@pytest.fixture(scope="module")
def network(clouds: dict[str, Connection]) -> Iterator[str]:
    lab: Any = clouds["lab"].network
    made = lab.create_network(name=NAME)
    lab.create_subnet(name=NAME, network_id=made.id, cidr="192.0.2.0/24", ip_version=4, gateway_ip=None)
    yield made.id
    lab.delete_network(made)


@pytest.fixture
def boot(clouds: dict[str, Connection], flavor: str, network: str) -> Iterator[Callable[[], str]]:
    """Boots a server of the forbidden flavor, without waiting for it; returns its id."""
    cloud: Any = clouds["lab"]
    servers: list[Any] = []

    def boot() -> str:
        image = cloud.image.find_image("debian-12")
        words = {"image_id": image.id, "flavor_id": flavor, "networks": [{"uuid": network}]}
        servers.append(cloud.compute.create_server(name=f"{NAME}-{len(servers)}", **words))
        return str(servers[-1].id)

    yield boot
    for server in servers:
        cloud.compute.delete_server(server, ignore_missing=True)
    for server in servers:
        cloud.compute.wait_for_delete(server, wait=120)


def by_engine(
    deployment: Deployment, clouds: dict[str, Connection], policy: str, table: str
) -> list[set[Any]]:
    token = clouds["lab-admin"].authorize()
    with deployment.engine_urls() as urls:
        rows = congress.by_engine(urls, f"policies/{policy}/tables/{table}", token=token)
    return [set(some) for some in rows.values()]


def test_the_starting_set_is_applied_and_its_datasources_are_polled(
    deployment: Deployment, folder: Folder
) -> None:
    folder.up(deployment)

    def polled() -> bool:
        for name in folder.names["data-sources"]:
            status = congress.ok(deployment.api("GET", f"/v1/data-sources/{name}/status"))
            assert (status["last_error"], status["last_updated"] != "None") == ("None", True), (name, status)
        return True

    wait_for("each datasource was polled without an error", POLLED, polled)


@pytest.mark.parametrize(
    ("policy", "table", "expected"),
    [
        ("ForbiddenFlavors", "error", forbidden_flavors),
        ("UnprotectedPorts", "error", unprotected_ports),
        ("UsersWithoutOwner", "warning", users_without_project),
        # All servers of the lab have the approved image, a user who exists, and networks of their own project.
        ("ForbiddenImages", "error", lambda _: set()),
        ("UsersWithoutOwner", "error", lambda _: set()),
        ("CrossProjectNetworks", "error", lambda _: set()),
    ],
)
@pytest.mark.usefixtures("folder")
def test_each_engine_finds_what_the_cloud_s_apis_say(
    deployment: Deployment,
    clouds: dict[str, Connection],
    policy: str,
    table: str,
    expected: Callable[[Any], set[tuple[str, ...]]],
) -> None:
    def same() -> bool:
        wanted = expected(clouds["lab-admin"])
        for rows in by_engine(deployment, clouds, policy, table):
            assert rows == wanted, f"only the engine: {rows - wanted}; only the APIs: {wanted - rows}"
        return True

    wait_for(f"both engines have the rows of {policy}:{table}", POLLED, same, pause=2)


def test_a_server_that_runs_is_paused_once_by_two_engines(
    deployment: Deployment, folder: Folder, clouds: dict[str, Connection], boot: Callable[[], str]
) -> None:
    server = boot()
    nova = Nova(clouds["lab-admin"], server)
    nova.wait("ACTIVE", BOOTED)
    wait_for(
        "both engines have the server's row",
        POLLED,
        lambda: all(
            server in {row[0] for row in rows}
            for rows in by_engine(deployment, clouds, "ForbiddenFlavors", "error")
        ),
        pause=2,
    )
    shutil.copy(EXAMPLES / ACTING, folder.path)
    assert "policy PauseForbiddenFlavors executes actions" in folder.refused(deployment)
    assert nova.actions("pause") == 0
    # Nobody else's server is paused below.
    assert folder.simulate() == [f"! nova:servers.pause('{server}')  (PauseForbiddenFlavors)"]
    began = time.time()
    folder.up(deployment)
    nova.paused_once(POLLED)
    assert len(executed(deployment, began, server)) == 1


@pytest.mark.parametrize("moment", ["it runs", "it is paused"])
@pytest.mark.usefixtures("folder")
def test_a_server_is_paused_once_over_a_failover_of_the_datasource_node(
    deployment: Deployment, clouds: dict[str, Connection], boot: Callable[[], str], moment: str
) -> None:
    """The datasource node ends as soon as nova says so: before the row is polled, or with requests on their way."""
    server = boot()
    nova = Nova(clouds["lab-admin"], server)
    began = time.time()
    if moment == "it runs":
        nova.wait("ACTIVE", BOOTED)
    else:
        wait_for("nova was asked to pause it", BOOTED + POLLED, lambda: nova.actions("pause") > 0, pause=0.1)
    fail_over(deployment)
    nova.paused_once(POLLED)
    assert len(executed(deployment, began, server)) == 1
    # The new node acts, too, and once.
    clouds["lab-admin"].compute.unpause_server(server)
    wait_for("nova was asked to pause it again", POLLED, lambda: nova.actions("pause") > 1)
    nova.paused_once(POLLED, times=2)


@pytest.mark.usefixtures("folder")
def test_nothing_is_executed_again_by_engines_that_start_and_after_a_failover(
    deployment: Deployment, folder: Folder, clouds: dict[str, Connection], boot: Callable[[], str]
) -> None:
    """The condition of this action stays true, so each engine requests it again when it starts."""
    (folder.path / ACTING).unlink()
    folder.up(deployment)
    server = boot()
    nova = Nova(clouds["lab-admin"], server)
    nova.wait("ACTIVE", BOOTED)
    name = clouds["lab-admin"].compute.get_server(server).name
    began = time.time()
    rules = [{"name": "mark", "rule": MARK.format(name=name)}]
    (folder.path / "marks.yaml").write_text(yaml.safe_dump({"name": "Marks", "rules": rules}))
    assert folder.simulate() == [f"! nova:servers_set_meta('{server}', 'congress', 'seen')  (Marks)"]
    folder.up(deployment)

    def marked() -> bool:
        metadata = clouds["lab-admin"].compute.get_server(server).metadata
        assert metadata.get("congress") == "seen", metadata
        return True

    wait_for("the server is marked", POLLED, marked)
    for engine in deployment.engines:
        deployment.on(engine["host"], f"systemctl restart congress-policy-engine@{engine['node_id']}", 120)
        deployment.well(120)
    fail_over(deployment)

    def once() -> None:
        lines = executed(deployment, began, server)
        assert len(lines) == 1, lines

    while_it_settles(once)
    (folder.path / "marks.yaml").unlink()
    folder.up(deployment)
