"""Two load balancers, one virtual address: the order of resources, and what a single load balancer does not have."""

from __future__ import annotations

import re

import pytest
from syrupy.assertion import SnapshotAssertion

from tests.support.certificates import authority
from tests.support.openings import OF_TWO_LOAD_BALANCERS, OPENINGS
from tests.unit.support import recording as recorded
from tests.unit.support.firewall import everything, table
from tests.unit.support.recording import Recording
from tests.unit.support.several_hosts import added_names, cloud_inputs

INSTANCE = "openstack:compute/instance:Instance"
GROUP = "openstack:compute/serverGroup:ServerGroup"
NAMES = ("load-balancer", "load-balancer-2")


@pytest.fixture(scope="module")
def pair() -> Recording:
    return recorded.run(recorded.settings_with(loadBalancer={"hosts": 2}))


def test_a_single_one_is_not_touched(recording: Recording, pair: Recording) -> None:
    names = added_names(recording, pair)
    assert {name for name in names if not name.startswith("load-balancer-2")} == {
        "load-balancer",
        "load-balancer-keepalived",
        "load-balancer-virtual-address",
        "load-balancer-tcp-8406-from-load-balancer",
        "load-balancer-vrrp-from-load-balancer",
        "load-balancer-vrrp-to-load-balancer",
    }
    assert "allowedAddressPairs" not in recording.by_name("load-balancer-port").inputs
    assert "virtual_address" not in recording.outputs


def test_a_single_one_keeps_every_input_in_the_cloud(
    recording: Recording, snapshot: SnapshotAssertion
) -> None:
    single = recorded.run(recorded.settings_with(loadBalancer={"hosts": 1}))
    for known in (recording, single):
        assert snapshot(name="one load balancer") == cloud_inputs(known, "load-balancer", "endpoint")


def test_they_stand_apart_and_the_first_is_not_replaced_for_it(pair: Recording) -> None:
    assert pair.by_name("load-balancer", GROUP).inputs["policies"] == "anti-affinity"
    first, second = (pair.by_name(name, INSTANCE) for name in NAMES)
    for server in (first, second):
        assert server.inputs["schedulerHints"] == [{"group": "load-balancer-id"}]
        assert "schedulerHints" in server.options.ignoreChanges
    assert pair.needs(second, first)


def test_both_may_have_the_address_and_the_floating_ip_is_on_it(pair: Recording) -> None:
    virtual = recorded.address("10.20", "load-balancer-virtual-address")
    for name in NAMES:
        assert pair.by_name(f"{name}-port").inputs["allowedAddressPairs"] == [{"ipAddress": virtual}]
    floating = pair.by_name("load-balancer-address")
    assert floating.inputs["portId"] == "load-balancer-virtual-address-id"
    # Only when a host can hold the address: until then, the first host of a growing stack continues to serve.
    assert all(pair.needs(floating, pair.step(f"{name}-keepalived")) for name in NAMES)
    assert pair.outputs["virtual_address"] == virtual
    assert pair.outputs["endpoint"] == f"https://{pair.outputs['endpoint_address']}:1789"
    assert set(NAMES) < set(pair.outputs["hosts"])


def test_the_certificate_is_for_every_address(pair: Recording) -> None:
    (request,) = (
        r for r in pair.of_type("tls:index/certRequest:CertRequest") if r.name == "endpoint-request"
    )
    assert request.inputs["ipAddresses"] == [
        pair.outputs["endpoint_address"],
        pair.outputs["virtual_address"],
        *(pair.outputs["hosts"][name]["address"] for name in NAMES),
    ]
    for name in NAMES:
        assert "certificate-of-endpoint-certificate" in pair.step(f"{name}-haproxy").inputs["stdin"]


def test_the_second_is_changed_first_and_steps_aside_for_it(pair: Recording) -> None:
    first, second = (pair.step(f"{name}-haproxy") for name in NAMES)
    assert pair.needs(first, second)
    assert "congress-endpoint move" in second.inputs["stdin"]
    assert "congress-endpoint move" not in first.inputs["stdin"]
    former = pair.step("database-former-users")
    assert pair.needs(former, first)


def test_haproxy_waits_for_keepalived_with_the_operator_s_own_certificate() -> None:
    """Nothing in its configuration then depends on the floating address, which waits for keepalived, too."""
    own = authority().sign("endpoint", names=["congress.example.org"])
    tls = {"endpointName": "congress.example.org", "certificate": own.pem, "privateKey": own.key}
    pair = recorded.run(recorded.settings_with(loadBalancer={"hosts": 2}, tls=tls))
    for name in NAMES:
        for other in NAMES:
            assert pair.needs(pair.step(f"{name}-haproxy"), pair.step(f"{other}-keepalived"))


def test_each_knows_the_other(pair: Recording) -> None:
    addresses = {name: pair.outputs["hosts"][name]["address"] for name in NAMES}
    peers = "".join(f"    peer {name} {known}:8406\n" for name, known in addresses.items())
    for name, other in (NAMES, reversed(NAMES)):
        haproxy = pair.step(f"{name}-haproxy").inputs["stdin"]
        assert f"    localpeer {name}\n" in haproxy
        assert f"peers load_balancer\n{peers}" in haproxy
        keepalived = pair.step(f"{name}-keepalived").inputs["stdin"]
        assert f"unicast_src_ip {addresses[name]}\n" in keepalived
        assert f"{addresses[other]} min_ttl 255" in keepalived
        assert f"{pair.outputs['virtual_address']}/32 dev $DEVICE\n" in keepalived


def test_engines_have_the_same_ids_at_both(pair: Recording) -> None:
    servers = [
        re.findall(
            r"^    server policy-engine.*$", pair.step(f"{name}-haproxy").inputs["stdin"], re.MULTILINE
        )
        for name in NAMES
    ]
    assert servers[0] == servers[1]
    assert len(servers[0]) == 2


def test_the_firewall_lets_them_hear_each_other_alone(pair: Recording) -> None:
    assert table(pair) == OPENINGS | OF_TWO_LOAD_BALANCERS
    vrrp = {opening for opening in OF_TWO_LOAD_BALANCERS if opening[1] == "vrrp"}
    assert table(pair, "egress") == everything("0.0.0.0/0") | vrrp
