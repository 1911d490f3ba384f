"""The rules of a recorded firewall as rows, to compare with tests/support/openings.py."""

from __future__ import annotations

from tests.support.openings import NAMES, Opening
from tests.unit.support.recording import Recording

RULE = "openstack:networking/secGroupRule:SecGroupRule"


def table(recording: Recording, direction: str = "ingress") -> set[Opening]:
    rules = [rule for rule in recording.of_type(RULE) if rule.inputs["direction"] == direction]
    rows = {
        (
            rule.inputs["securityGroupId"].removesuffix("-id"),
            rule.inputs["protocol"],
            int(rule.inputs.get("portRangeMin") or 0),
            int(rule.inputs.get("portRangeMax") or 0),
            rule.inputs.get("remoteIpPrefix") or rule.inputs["remoteGroupId"].removesuffix("-id"),
        )
        for rule in rules
    }
    assert len(rows) == len(rules)
    assert all(rule.inputs["ethertype"] == "IPv4" for rule in rules)
    return rows


def everything(*ranges: str) -> set[Opening]:
    """All protocols and ports, from every role."""
    return {
        (role, protocol, 0, 0, cidr)
        for role in NAMES
        for protocol in ("tcp", "udp", "icmp")
        for cidr in ranges
    }
