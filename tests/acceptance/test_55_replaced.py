"""`make replace` gives a host a new server by one command; meanwhile only the announced services are missing."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from openstack.connection import Connection

from tests.acceptance.support import backup_sample, congress
from tests.acceptance.support.deployment import CONGRESS_HA, LAB_STATE, STACK, STEP, Deployment, run
from tests.acceptance.support.pair import Expected, watched
from tests.acceptance.support.resource_changes import as_previewed
from tests.acceptance.support.traffic import traffic

pytestmark = [pytest.mark.full, pytest.mark.timeout(900)]

IMAGE = "debian-12-congress"
LOGIN = "/etc/congress-ha/fencing.json"
INSTANCE = "openstack:compute/instance:Instance"
# Seconds without the datasource node while it moves.
MOVES = 5.0


class Servers:
    """The stack's servers in the cloud at a moment, by the names of their hosts."""

    def __init__(self, cloud: Connection) -> None:
        prefix = f"congress-{STACK}-"
        servers = [server for server in cloud.compute.servers() if server.name.startswith(prefix)]
        self.ids = {server.name.removeprefix(prefix): server.id for server in servers}
        self.images = {
            server.name.removeprefix(prefix): server.image.id
            for server in servers
            if server.image is not None
        }
        self.addresses = {server.name.removeprefix(prefix): server.addresses for server in servers}

    def new_since(self, before: Servers) -> set[str]:
        return {name for name, id_ in self.ids.items() if before.ids[name] != id_}


@pytest.fixture(scope="module")
def new_image(deployment: Deployment, clouds: dict[str, Connection]) -> Iterator[str]:
    """The id of a new image with the name in the settings, younger than all servers."""
    assert deployment.outputs
    with (LAB_STATE / "prebuilt.img").open("rb") as content:
        made = clouds["lab"].create_image(
            IMAGE,
            data=content,
            validate_checksum=False,
            disk_format="raw",
            container_format="bare",
            visibility="private",
            allow_duplicates=True,
            wait=True,
            timeout=300,
        )
    assert made is not None
    yield made.id
    clouds["lab"].image.delete_image(made.id)


def replaced(deployment: Deployment, host: str, cloud: Connection) -> str:
    """Run `make replace`; return its output. Only this host gets a new server, at its old addresses."""
    before = Servers(cloud)
    printed = run([*CONGRESS_HA, "replace", host], timeout=840)
    deployment.hang_up(before.ids if host == "bastion" else [host])
    after = Servers(cloud)
    assert after.new_since(before) == {host}
    assert after.addresses == before.addresses
    # SSH accepts the host key that it had before.
    assert deployment.on(host, "hostname") == f"congress-{STACK}-{host}"
    return printed


def test_a_new_image_replaces_nothing_by_itself(
    deployment: Deployment, clouds: dict[str, Connection], new_image: str
) -> None:
    before = Servers(clouds["lab"])
    printed = deployment.up()
    summary = printed[printed.index("Resources:") :]
    assert not {"created", "updated", "replaced", "deleted"} & set(summary.split()), summary
    after = Servers(clouds["lab"])
    assert after.ids == before.ids
    assert new_image not in after.images.values()


def changed_by(deployment: Deployment, host: str, cloud: Connection) -> dict[str, str]:
    """The changes of a host's replacement, which must equal those of `pulumi preview`."""
    urn = next(urn for urn, r in deployment.resources().items() if r["type"] == INSTANCE and ends(urn, host))
    return dict(as_previewed(deployment, lambda: replaced(deployment, host, cloud), "--replace", urn))


def ends(urn: str, name: str) -> bool:
    return urn.endswith(f"::{name}")


def made_again(deployment: Deployment, host: str) -> dict[str, str]:
    """A replacement changes the server of the host and all steps that configure the host."""
    steps = {
        urn.rsplit("::", 1)[1]: "updated"
        for urn, resource in deployment.resources().items()
        if resource["type"] == STEP and ends(resource.get("deletedWith", ""), host)
    }
    return {host: "replaced", f"{host}-reachable": "updated", **steps}


def test_no_request_fails_while_an_engine_s_host_is_replaced(
    deployment: Deployment, clouds: dict[str, Connection], new_image: str
) -> None:
    host = deployment.engines[-1]["host"]
    images = Servers(clouds["lab"]).images
    with traffic(deployment) as clients, clients.unnoticed():
        assert changed_by(deployment, host, clouds["lab"]) == made_again(deployment, host)
    assert Servers(clouds["lab"]).images == {**images, host: new_image}


def test_the_datasource_node_moves_before_its_host_is_replaced_and_the_new_one_is_fenced(
    deployment: Deployment, clouds: dict[str, Connection]
) -> None:
    prefix = f"congress-{STACK}-"
    with watched(deployment, clouds["lab-admin"]) as pair:
        old, other, moment = pair.active, pair.standby, time.time()
        host = old.name.removeprefix(prefix)
        changed = changed_by(deployment, host, clouds["lab"])
        for member in deployment.hosts("datasource-node"):
            assert changed.pop(f"{member}-fencing") == "updated"
            assert changed.pop(f"{member}-agent") == "updated"
        assert changed.pop("fencing") == "replaced"
        assert changed.pop("datasource-node") == "updated"
        assert changed.items() <= made_again(deployment, host).items()
        record = pair.audit(moment, Expected(limit=0))
        assert sum(record.absences) < MOVES, record.story()
        assert pair.active.name == other.name

        ids = Servers(clouds["lab"]).ids
        for member in deployment.hosts("datasource-node"):
            login_servers = json.loads(deployment.on(member, f"cat {LOGIN}"))["servers"]
            assert login_servers == {name: ids[name.removeprefix(prefix)] for name in (old.name, other.name)}
        moment = time.time()
        other.run(f"stonith_admin --reboot {old.name} --timeout 120", timeout=150)
        pair.audit(moment, Expected(limit=0, absences=0))


def content(deployment: Deployment) -> dict[str, Any]:
    """Policies, their rules, and datasources, as the API lists them."""

    def results(path: str) -> list[dict[str, Any]]:
        return list(congress.ok(deployment.api("GET", f"/v1/{path}"))["results"])

    return {
        "policies": {
            policy["name"]: sorted(rule["rule"] for rule in results(f"policies/{policy['name']}/rules"))
            for policy in results("policies")
        },
        "datasources": sorted(
            (datasource["name"], datasource["id"]) for datasource in results("data-sources")
        ),
    }


@pytest.mark.full
@pytest.mark.parametrize("host", ["database", "messaging", "bastion"])
def test_a_host_without_a_second_is_replaced_with_its_data(
    deployment: Deployment, clouds: dict[str, Connection], host: str
) -> None:
    backup_sample.prepare(deployment, clouds["lab-admin"])
    before, public = content(deployment), (deployment.endpoint, deployment.outputs["bastion"])
    assert any(before["policies"].values())
    assert before["datasources"]
    replaced(deployment, host, clouds["lab"])
    assert content(deployment) == before
    assert (deployment.endpoint, deployment.outputs["bastion"]) == public


@pytest.mark.full
@pytest.mark.parametrize("host", ["load-balancer", "load-balancer-2"])
def test_no_request_fails_while_a_load_balancer_is_replaced(
    deployment: Deployment, clouds: dict[str, Connection], host: str
) -> None:
    with traffic(deployment) as clients, clients.unnoticed():
        replaced(deployment, host, clouds["lab"])
