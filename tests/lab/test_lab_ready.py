"""The lab is ready when every service has reported since its host booted, and has configured what it was assigned."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from lab.node.ready import ON_CONTROLLER, ON_EVERY_HOST, epoch, missing

BOOTED = {"ctl": 1000.0, "cmp": 1000.0}
BEFORE, AFTER = "1970-01-01T00:16:39.000000", "1970-01-01 00:16:41"
NOVA = {"ctl": ("nova-compute", "nova-conductor", "nova-scheduler"), "cmp": ("nova-compute",)}
AGENTS = {
    "neutron-l3-agent": ("L3 agent", {"routers": 1}),
    "neutron-dhcp-agent": ("DHCP agent", {"networks": 1}),
    "neutron-metadata-agent": ("Metadata agent", {}),
    "neutron-linuxbridge-agent": ("Linux bridge agent", {}),
}


class Cloud:
    """Answers as nova and neutron do; a test changes one thing."""

    def __init__(self) -> None:
        self.services = [
            {"host": host, "binary": binary, "state": "up", "updated_at": AFTER}
            for host, binaries in NOVA.items()
            for binary in binaries
        ]
        self.agents: list[dict[str, Any]] = [
            {
                "id": f"{host}/{binary}",
                "host": host,
                "binary": binary,
                "agent_type": kind,
                "alive": True,
                "heartbeat_timestamp": AFTER,
                "configurations": wired,
            }
            for binary, (kind, wired) in AGENTS.items()
            for host in (BOOTED if binary in ON_EVERY_HOST else ("ctl",))
        ]
        self.hypervisors = [{"hypervisor_hostname": host, "state": "up"} for host in BOOTED]
        self.compute = self.network = SimpleNamespace(get=self.get)

    def get(self, path: str) -> SimpleNamespace:
        answers = {
            "/os-services": {"services": self.services},
            "/os-hypervisors/detail": {"hypervisors": self.hypervisors},
            "/agents": {"agents": self.agents},
            "/subnets": {
                "subnets": [
                    {"network_id": "n", "enable_dhcp": True},
                    {"network_id": "x", "enable_dhcp": False},
                ]
            },
            "/agents/ctl/neutron-l3-agent/l3-routers": {"routers": [{"id": "r"}]},
            "/agents/ctl/neutron-dhcp-agent/dhcp-networks": {"networks": [{"id": "n"}, {"id": "x"}]},
        }
        return SimpleNamespace(json=lambda: answers[path])


def test_ready() -> None:
    assert missing(Cloud(), BOOTED) == []


@pytest.mark.parametrize("host", BOOTED)
def test_a_heartbeat_from_before_the_boot_does_not_count(host: str) -> None:
    cloud = Cloud()
    for service in cloud.services:
        if service["host"] == host:
            service["updated_at"] = BEFORE
    assert missing(cloud, BOOTED) == [f"{host}/{binary}" for binary in sorted(NOVA[host])]


@pytest.mark.parametrize("binary", [*ON_CONTROLLER, *ON_EVERY_HOST])
def test_a_dead_service_is_named(binary: str) -> None:
    cloud = Cloud()
    for service in cloud.services:
        if service["binary"] == binary:
            service["state"] = "down"
    for agent in cloud.agents:
        if agent["binary"] == binary:
            agent["alive"] = False
    assert f"ctl/{binary}" in missing(cloud, BOOTED)


@pytest.mark.parametrize(("kind", "what"), [("L3 agent", "routers"), ("DHCP agent", "networks")])
def test_what_an_agent_has_not_wired_yet_is_missing(kind: str, what: str) -> None:
    cloud = Cloud()
    for agent in cloud.agents:
        if agent["agent_type"] == kind:
            agent["configurations"] = {what: 0}
    (lack,) = missing(cloud, BOOTED)
    assert lack.endswith(f"has 0 of 1 {what}")


def test_a_hypervisor_that_is_down() -> None:
    cloud = Cloud()
    cloud.hypervisors[1]["state"] = "down"
    assert missing(cloud, BOOTED) == ["cmp/hypervisor"]


@pytest.mark.parametrize(
    "text", ["1970-01-01T00:16:41Z", "1970-01-01 00:16:41.000000", "1970-01-01T00:16:41+00:00"]
)
def test_epoch_reads_what_the_services_write(text: str) -> None:
    assert epoch(text) == 1001.0
    assert epoch(None) == 0.0
