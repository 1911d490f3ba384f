"""One host of the message bus, or three that are a cluster."""

from __future__ import annotations

import pytest
from syrupy.assertion import SnapshotAssertion

from tests.support.openings import OF_THREE_BROKERS, OPENINGS
from tests.unit.support import recording as recorded
from tests.unit.support.firewall import table
from tests.unit.support.recording import Recording
from tests.unit.support.several_hosts import added_names, cloud_inputs

INSTANCE = "openstack:compute/instance:Instance"
GROUP = "openstack:compute/serverGroup:ServerGroup"
NAMES = ("messaging", "messaging-2", "messaging-3")


@pytest.fixture(scope="module")
def cluster() -> Recording:
    return recorded.run(recorded.settings_with(messaging={"hosts": 3}))


def test_a_single_one_keeps_every_input_in_the_cloud(
    recording: Recording, snapshot: SnapshotAssertion
) -> None:
    single = recorded.run(recorded.settings_with(messaging={"hosts": 1}))
    for known in (recording, single):
        assert snapshot(name="one host") == cloud_inputs(known, "messaging")


def test_a_cluster_adds_resources_alone(recording: Recording, cluster: Recording) -> None:
    names = added_names(recording, cluster)
    assert {name for name in names if not name.startswith(("messaging-2", "messaging-3"))} == {
        "messaging",
        "messaging-cookie",
        "messaging-packages",
        "messaging-tcp-4369-from-messaging",
        "messaging-tcp-25672-from-messaging",
        "messaging-tcp-35672-from-messaging",
    }


def test_the_hosts_stand_apart_and_the_first_is_not_replaced_for_it(cluster: Recording) -> None:
    assert cluster.by_name("messaging", GROUP).inputs["policies"] == "anti-affinity"
    for name in NAMES:
        server = cluster.by_name(name, INSTANCE)
        assert server.inputs["schedulerHints"] == [{"group": "messaging-id"}]
        assert "schedulerHints" in server.options.ignoreChanges
    assert set(NAMES) < set(cluster.outputs["hosts"])


def test_each_joins_after_the_one_before_it_and_the_first_host_is_the_last(cluster: Recording) -> None:
    first, second, third = (cluster.step(f"{name}-rabbitmq") for name in NAMES)
    assert cluster.needs(second, third)
    assert cluster.needs(first, second)
    assert cluster.needs(cluster.step("datasource-1-configuration"), first)


def test_all_install_at_the_same_time_before_the_first_one_starts(cluster: Recording) -> None:
    installed = [cluster.step(f"{name}-packages") for name in NAMES]
    for step in installed:
        assert "\ninstall_packages rabbitmq-server\n" in step.inputs["stdin"]
        assert cluster.needs(cluster.step("messaging-3-rabbitmq"), step)
        assert not any(cluster.needs(step, other) for other in installed if other is not step)


def test_nodes_know_every_host_and_copy_their_queues(cluster: Recording) -> None:
    login = "congress:CANARY-password-of-messaging-password@"
    hosts = ",".join(f"{login}{cluster.outputs['hosts'][name]['address']}:5671" for name in NAMES)
    script = cluster.step("datasource-1-configuration").inputs["stdin"]
    assert f"transport_url = rabbit://{hosts}/congress\n" in script
    assert "rabbit_quorum_queue = True\nrabbit_transient_quorum_queue = True\n" in script


def test_a_single_one_has_no_copies(recording: Recording) -> None:
    assert "quorum" not in recording.step("datasource-1-configuration").inputs["stdin"]


def test_the_firewall_lets_the_members_hear_each_other_alone(cluster: Recording) -> None:
    assert table(cluster) == OPENINGS | OF_THREE_BROKERS


def test_each_certificate_has_the_name_that_the_other_members_verify(cluster: Recording) -> None:
    for name in NAMES:
        request = cluster.by_name(f"{name}-request")
        address = cluster.outputs["hosts"][name]["address"]
        assert request.inputs["dnsNames"] == [address]
        assert request.inputs["ipAddresses"] == [address]
        # Each member is also a client of the others, and they refuse a certificate that is not for clients.
        certificate = cluster.by_name(f"{name}-certificate")
        assert certificate.inputs["allowedUses"] == ["digital_signature", "server_auth", "client_auth"]


def test_the_members_share_a_secret_cookie(cluster: Recording) -> None:
    for name in NAMES:
        assert "CANARY-password-of-messaging-cookie" in cluster.step(f"{name}-rabbitmq").inputs["stdin"]
