"""Orphans are found by the inputs of their creation, and nothing else is taken for one."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from components.preflight.state import Pending
from ops.stack.orphans import FINDERS, orphans
from tests.ops.support.fake_cloud import FakeCloud, server, thing
from tests.unit.support import recording

GROUP = {
    "networkId": "net",
    "portId": "port",
    "routerId": "router",
    "subnetId": "subnet",
    "securityGroupId": "group",
}
RULE = {
    "direction": "ingress",
    "ether_type": "IPv4",
    "protocol": "tcp",
    "port_range_min": 22,
    "port_range_max": 22,
    "remote_group_id": "bastions",
    "remote_ip_prefix": None,
}
RULE_INPUTS = {
    "direction": "ingress",
    "ethertype": "IPv4",
    "protocol": "tcp",
    "portRangeMin": 22,
    "portRangeMax": 22,
    "remoteGroupId": "bastions",
    "securityGroupId": "group",
}
METADATA = {"congress-ha": "congress-dev", "role": "database"}
SERVER = {"name": "congress-dev-database", "metadata": METADATA, "networks": [{"port": "port"}]}
INTERFACE = {"device_owner": "network:router_interface", "fixed_ips": [{"subnet_id": "subnet"}]}
RULES = [{"id": "rule-1"}, {"id": "rule-2"}]


def port(id: str, **attributes: Any) -> SimpleNamespace:  # noqa: A002
    usual = {"name": "", "network_id": "net", "device_id": "", "device_owner": "", "fixed_ips": []}
    return thing(id, **(usual | attributes))


# Token, the inputs of the creation, the plural in the cloud, what it made, what is no orphan, further things.
CASES: dict[str, tuple[str, dict[str, Any], str, SimpleNamespace, list[SimpleNamespace], dict[str, Any]]] = {
    "server": (
        "compute/instance:Instance",
        SERVER,
        "servers",
        server("it", name="congress-dev-database", metadata=METADATA),
        [
            server("other-name", name="congress-dev-database-2", metadata=METADATA),
            server("other-metadata", name="congress-dev-database"),
            server("on-another-port", name="congress-dev-database", metadata=METADATA),
        ],
        {"ports": [port("port", device_id="it"), port("theirs", device_id="on-another-port")]},
    ),
    "server that failed before it had a port": (
        "compute/instance:Instance",
        SERVER,
        "servers",
        server("it", name="congress-dev-database", metadata=METADATA, status="ERROR"),
        [],
        {"ports": [port("port")]},
    ),
    "server group": (
        "compute/serverGroup:ServerGroup",
        {"name": "congress-dev-policy-engine"},
        "server_groups",
        thing("it", name="congress-dev-policy-engine", member_ids=[]),
        [
            thing("in-use", name="congress-dev-policy-engine", member_ids=["server"]),
            thing("other-name", name="congress-dev-2-policy-engine", member_ids=[]),
        ],
        {},
    ),
    "network": (
        "networking/network:Network",
        {"name": "congress-dev"},
        "networks",
        thing("it", name="congress-dev", subnet_ids=[]),
        [
            thing("with-subnet", name="congress-dev", subnet_ids=["subnet"]),
            thing("net", name="congress-dev", subnet_ids=[]),
        ],
        {"ports": [port("of-net")]},
    ),
    "subnet": (
        "networking/subnet:Subnet",
        {"name": "congress-dev", "networkId": "net"},
        "subnets",
        thing("it", name="congress-dev", network_id="net"),
        [thing("elsewhere", name="congress-dev", network_id="other")],
        {},
    ),
    "port": (
        "networking/port:Port",
        {"name": "congress-dev-database", "networkId": "net"},
        "ports",
        port("it", name="congress-dev-database"),
        [
            port("in-use", name="congress-dev-database", device_id="server"),
            port("elsewhere", name="congress-dev-database", network_id="other"),
        ],
        {},
    ),
    "router": (
        "networking/router:Router",
        {"name": "congress-dev"},
        "routers",
        thing("it", name="congress-dev"),
        [thing("in-use", name="congress-dev")],
        {
            "ports": [
                port("a", device_id="in-use", **INTERFACE),
                port("b", device_id="it", device_owner="network:router_gateway"),
            ]
        },
    ),
    "router interface": (
        "networking/routerInterface:RouterInterface",
        {"routerId": "router", "subnetId": "subnet"},
        "ports",
        port("it", device_id="router", **INTERFACE),
        [
            port("of-another", device_id="other", **INTERFACE),
            port("gateway", device_id="router-2", device_owner="network:router_gateway"),
        ],
        {},
    ),
    "floating IP": (
        "networking/floatingIp:FloatingIp",
        {"description": "congress-dev-bastion", "portId": "port"},
        "ips",
        thing("it", description="congress-dev-bastion", port_id="port", floating_ip_address="192.0.2.1"),
        [
            thing("free", description="congress-dev-bastion", port_id=None, floating_ip_address="192.0.2.2"),
            thing("by-hand", description="mine", port_id="port", floating_ip_address="192.0.2.3"),
        ],
        {},
    ),
    "security group": (
        "networking/secGroup:SecGroup",
        {"name": "congress-dev-database"},
        "security_groups",
        thing("it", name="congress-dev-database", security_group_rules=[{"direction": "egress"}]),
        [thing("in-use", name="congress-dev-database", security_group_rules=[{"direction": "ingress"}])],
        {},
    ),
    "rule": (
        "networking/secGroupRule:SecGroupRule",
        RULE_INPUTS,
        "security_group_rules",
        thing("it", security_group_id="group", **RULE),
        [
            thing("of-another", security_group_id="other", **RULE),
            thing("another-port", security_group_id="group", **(RULE | {"port_range_max": 23})),
            thing("from-a-range", security_group_id="group", **(RULE | {"remote_ip_prefix": "0.0.0.0/0"})),
        ],
        {},
    ),
    "user": (
        "identity/user:User",
        {"name": "congress", "domainId": "default", "description": "ours"},
        "users",
        thing("it", name="congress", domain_id="default", description="ours"),
        [
            thing("of-others", name="congress", domain_id="default", description=""),
            thing("elsewhere", name="congress", domain_id="another", description="ours"),
        ],
        {},
    ),
    "service": (
        "identity/serviceV3:ServiceV3",
        {"name": "congress", "type": "policy", "description": "ours"},
        "services",
        thing("it", name="congress", type="policy", description="ours"),
        [thing("of-others", name="congress", type="policy", description="")],
        {},
    ),
    "endpoint": (
        "identity/endpointV3:EndpointV3",
        {"serviceId": "service", "interface": "public", "url": "http://c", "endpointRegion": "One"},
        "endpoints",
        thing("it", service_id="service", interface="public", url="http://c", region_id="One"),
        [
            thing("other-region", service_id="service", interface="public", url="http://c", region_id="Two"),
            thing(
                "other-interface", service_id="service", interface="admin", url="http://c", region_id="One"
            ),
        ],
        {},
    ),
    "application credential": (
        "identity/applicationCredential:ApplicationCredential",
        {"name": "fencing-0a1b2c3"},
        "application_credentials",
        thing("it", name="fencing-0a1b2c3", access_rules=RULES),
        [thing("another", name="fencing-d4e5f60", access_rules=RULES[1:])],
        {"access_rules": [thing("rule-1"), thing("rule-2")]},
    ),
}


def creation(token: str, inputs: dict[str, Any]) -> Pending:
    type_ = f"openstack:{token}"
    return Pending("creating", f"urn:pulumi:dev::congress-ha::{type_}::it", type_, inputs)


@pytest.mark.parametrize("case", CASES)
def test_the_orphan_alone_is_deleted(case: str) -> None:
    token, inputs, plural, made, others, more = CASES[case]
    cloud: Any = FakeCloud(**{**more, plural: [*more.get(plural, []), *others, made]})
    pending = creation(token, inputs)
    (orphan,) = orphans(cloud, pending, frozenset())
    assert orphan.id == "it"
    orphan.delete()
    assert (plural, "it") in cloud.deleted
    assert {id_ for _, id_ in cloud.deleted} <= {"it", "rule-1"}
    assert orphans(cloud, pending, frozenset()) == []


@pytest.mark.parametrize("case", CASES)
def test_what_the_state_knows_is_none(case: str) -> None:
    token, inputs, plural, made, _, more = CASES[case]
    cloud: Any = FakeCloud(**{**more, plural: [*more.get(plural, []), made]})
    assert orphans(cloud, creation(token, inputs), frozenset({"it"})) == []


def test_an_access_rule_that_another_credential_uses_stays() -> None:
    token, inputs, plural, made, others, more = CASES["application credential"]
    cloud: Any = FakeCloud(**{**more, plural: [made, *others]})
    orphans(cloud, creation(token, inputs), frozenset())[0].delete()
    assert cloud.deleted == [(plural, "it"), ("access_rules", "rule-1")]


def test_every_cloud_type_of_the_program_has_a_finder() -> None:
    with_keystone = recording.run(recording.settings_with(auth="keystone"), recording.WITH_KEYSTONE)
    resources = [*recording.run().resources.values(), *with_keystone.resources.values()]
    made = {resource.type for resource in resources if resource.type.startswith("openstack:")}
    assert made == FINDERS.keys()


def test_an_unknown_type_is_an_error() -> None:
    volume = creation("blockstorage/volume:Volume", {"name": "congress-dev-data"})
    cloud: Any = FakeCloud()
    with pytest.raises(LookupError, match="blockstorage/volume:Volume"):
        orphans(cloud, volume, frozenset())


def test_only_creations_in_the_cloud_are_searched() -> None:
    step = Pending("creating", "urn::step", "command:remote:Command", {})
    deletion = Pending(
        "deleting", "urn::port", "openstack:networking/port:Port", {"name": "congress-dev-database"}
    )
    cloud: Any = FakeCloud(ports=[port("it", name="congress-dev-database")])
    assert [orphans(cloud, pending, frozenset()) for pending in (step, deletion)] == [[], []]
