"""A healthy deployment with two load balancers, the first of which holds the endpoint's address."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ops.cloud.servers import Server
from ops.health.facts import Facts
from ops.health.parsing import parse_facts
from ops.health.roles.load_balancer import LoadBalancerHealth, Shares
from ops.ssh.survey import Report
from ops.stack.outputs import Host
from tests.ops.support import sample_stack as healthy
from tests.ops.support.fact_changes import changed

FIRST, SECOND = "load-balancer", "load-balancer-2"
STACK = replace(
    healthy.STACK,
    hosts={**healthy.STACK.hosts, SECOND: Host("load-balancer", f"congress-dev-{SECOND}")},
    virtual_address="10.20.0.8",
)
SERVERS = {**healthy.SERVERS, f"congress-dev-{SECOND}": Server("ACTIVE", "")}


def reports(first: str = "active\nholds\n", second: str = "active\n") -> dict[str, Report]:
    """The reports of both hosts about their part in the virtual address."""
    known = healthy.reports()
    for name, told in ((FIRST, first), (SECOND, second)):
        answers = healthy.reports()[FIRST].answers
        known[name] = Report(
            answers={**answers, "address": {"code": 0, "out": told, "err": "", "seconds": 0.1}}
        )
    return known


def facts(**told: str) -> Facts:
    return parse_facts(STACK, reports(**told), SERVERS, 20)


def with_shares(first: Any, second: Any) -> Facts:
    return changed(facts(), LoadBalancerHealth, addresses={FIRST: first, SECOND: second})


HOLDS, WAITS = Shares("active", holds=True), Shares("active", holds=False)
