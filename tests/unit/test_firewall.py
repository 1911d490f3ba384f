"""The firewall is exactly this table."""

from __future__ import annotations

from tests.unit import recording as recorded
from tests.unit.recording import Recording

TABLE = {
    # (to, protocol, first port, last port, from)
    ("bastion", "tcp", 22, 22, "192.0.2.0/28"),
    ("database", "tcp", 22, 22, "bastion"),
    ("messaging", "tcp", 22, 22, "bastion"),
    ("datasource-node", "tcp", 22, 22, "bastion"),
    ("policy-engine", "tcp", 22, 22, "bastion"),
    ("load-balancer", "tcp", 22, 22, "bastion"),
    ("database", "tcp", 3306, 3306, "datasource-node"),
    ("database", "tcp", 3306, 3306, "policy-engine"),
    ("messaging", "tcp", 5671, 5671, "datasource-node"),
    ("messaging", "tcp", 5671, 5671, "policy-engine"),
    ("datasource-node", "udp", 5405, 5405, "datasource-node"),
    ("policy-engine", "tcp", 1789, 1789, "load-balancer"),
    ("policy-engine", "tcp", 1889, 1889, "load-balancer"),
    ("load-balancer", "tcp", 8405, 8405, "policy-engine"),
    ("load-balancer", "tcp", 1789, 1789, "198.51.100.0/24"),
}


def table(recording: Recording) -> set[tuple[str, str, int, int, str]]:
    rules = recording.of_type("openstack:networking/secGroupRule:SecGroupRule")
    found = {
        (
            rule.inputs["securityGroupId"].removesuffix("-id"),
            rule.inputs["protocol"],
            int(rule.inputs["portRangeMin"]),
            int(rule.inputs["portRangeMax"]),
            rule.inputs.get("remoteIpPrefix") or rule.inputs["remoteGroupId"].removesuffix("-id"),
        )
        for rule in rules
    }
    assert len(found) == len(rules)
    assert all(rule.inputs["direction"] == "ingress" and rule.inputs["ethertype"] == "IPv4" for rule in rules)
    return found


def test_the_table(recording: Recording) -> None:
    assert table(recording) == TABLE


def test_engines_on_one_host_open_their_ports_to_the_load_balancer_alone() -> None:
    settings = recorded.settings_with(policyEngines={"count": 6, "perHost": 3, "basePort": 2000})
    changed = table(recorded.run(settings)) ^ TABLE
    assert changed == {
        ("policy-engine", "tcp", 1789, 1789, "load-balancer"),
        ("policy-engine", "tcp", 2000, 2002, "load-balancer"),
        ("policy-engine", "tcp", 1889, 1889, "load-balancer"),
        ("policy-engine", "tcp", 2100, 2102, "load-balancer"),
    }


def test_every_configured_range_gets_its_rule() -> None:
    access = {
        "sshCidrs": ["192.0.2.0/28", "192.0.2.32/28"],
        "apiCidrs": ["198.51.100.0/25", "198.51.100.128/26"],
    }
    added = table(recorded.run(recorded.settings_with(access=access))) - TABLE
    assert added == {
        ("bastion", "tcp", 22, 22, "192.0.2.32/28"),
        ("load-balancer", "tcp", 1789, 1789, "198.51.100.0/25"),
        ("load-balancer", "tcp", 1789, 1789, "198.51.100.128/26"),
    }
