"""The firewall is exactly this table."""

from __future__ import annotations

import pytest

from tests.support.openings import DIFFERENT, NAMES, OPENINGS
from tests.unit.support import recording as recorded
from tests.unit.support.firewall import RULE, everything, table
from tests.unit.support.recording import Recording


def test_the_table(recording: Recording) -> None:
    assert table(recording) == OPENINGS, DIFFERENT


def test_engines_on_one_host_open_their_ports_to_the_load_balancer_alone(recording: Recording) -> None:
    settings = recorded.settings_with(policyEngines={"count": 6, "perHost": 3, "basePort": 2000})
    changed = table(recorded.run(settings)) ^ table(recording)
    assert changed == {
        ("policy-engine", "tcp", 1789, 1789, "load-balancer"),
        ("policy-engine", "tcp", 2000, 2002, "load-balancer"),
        ("policy-engine", "tcp", 1889, 1889, "load-balancer"),
        ("policy-engine", "tcp", 2100, 2102, "load-balancer"),
    }


def test_every_configured_range_gets_its_rule(recording: Recording) -> None:
    access = {
        "sshCidrs": ["192.0.2.0/28", "192.0.2.32/28"],
        "apiCidrs": ["198.51.100.0/25", "198.51.100.128/26"],
    }
    added = table(recorded.run(recorded.settings_with(access=access))) - table(recording)
    assert added == {
        ("bastion", "tcp", 22, 22, "192.0.2.32/28"),
        ("load-balancer", "tcp", 1789, 1789, "198.51.100.0/25"),
        ("load-balancer", "tcp", 1789, 1789, "198.51.100.128/26"),
    }


def test_hosts_reach_everything_outside_unless_the_settings_say_otherwise(recording: Recording) -> None:
    assert table(recording, "egress") == everything("0.0.0.0/0")


@pytest.mark.parametrize(
    ("servers", "resolvers"),
    [(["192.0.2.53", "192.0.2.54"], ["192.0.2.53/32", "192.0.2.54/32"]), ([], ["10.20.0.0/24"])],
)
def test_limited_on_the_way_out(recording: Recording, servers: list[str], resolvers: list[str]) -> None:
    ranges = ["203.0.113.0/24", "198.51.100.7/32"]
    network = {"externalNetwork": "public", "dnsServers": servers, "egressCidrs": ranges}
    limited = recorded.run(recorded.settings_with(network=network))
    among_themselves = {
        (asking, protocol, first, last, answering)
        for answering, protocol, first, last, asking in table(recording)
        if asking in NAMES
    }
    assert table(limited) == table(recording)
    assert table(limited, "egress") == everything(*ranges) | among_themselves | {
        (role, *target)
        for role in NAMES
        for target in (
            ("tcp", 80, 80, "169.254.169.254/32"),
            *((protocol, 53, 53, resolver) for protocol in ("tcp", "udp") for resolver in resolvers),
        )
    }


def test_no_group_is_replaced_for_what_goes_out(recording: Recording) -> None:
    """A new group gets no rules of neutron; a group of an older program, which has them, is not changed."""
    for group in recording.of_type("openstack:networking/secGroup:SecGroup"):
        assert group.inputs["deleteDefaultRules"] is True
        assert group.options.ignoreChanges == ["deleteDefaultRules"]


def test_a_host_is_not_made_before_its_ways_out(recording: Recording) -> None:
    for port in recording.of_type("openstack:networking/port:Port"):
        (group,) = port.inputs["securityGroupIds"]
        ways_out = [
            rule
            for rule in recording.of_type(RULE)
            if (rule.inputs["securityGroupId"], rule.inputs["direction"]) == (group, "egress")
        ]
        assert len(ways_out) == 3
        assert all(recording.needs(port, rule) for rule in ways_out)
