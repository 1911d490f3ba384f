"""Two load balancers: which one holds the endpoint's address, and how each of them sees the engines."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ops.common.limits import Limits
from ops.health.assessment import assess
from ops.health.facts import Unseen
from ops.health.parsing import parse_facts
from ops.health.probes import health_commands
from ops.health.roles.load_balancer import Backend, LoadBalancerHealth, Shares
from ops.health.table import rows
from tests.ops.support import sample_stack as healthy
from tests.ops.support.fact_changes import changed, lines
from tests.ops.support.two_load_balancers import (
    FIRST,
    HOLDS,
    SECOND,
    SERVERS,
    STACK,
    WAITS,
    facts,
    reports,
    with_shares,
)

LOST = Unseen("it is off", explained=True)


def of_the_balancers(seen: object) -> list[str]:
    return [line for line in lines(assess(seen)) if line.startswith("load balancer")]  # type: ignore[arg-type]


def test_all_is_well_and_the_holder_is_shown() -> None:
    seen = facts()
    assert seen[LoadBalancerHealth].addresses == {FIRST: HOLDS, SECOND: WAITS}
    assert of_the_balancers(seen) == []
    assert rows(seen, [])["load balancer"][1] == (
        "2 of 2 engines up at load-balancer, 2 of 2 engines up at load-balancer-2, load-balancer holds the address, "
        "endpoint answers in 20 ms"
    )


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        (WAITS, WAITS, ["no load balancer holds the endpoint's address"]),
        (
            HOLDS,
            HOLDS,
            [
                "load-balancer and load-balancer-2 hold the endpoint's address at once: they do not hear each other",
            ],
        ),
        (
            HOLDS,
            Shares("inactive", holds=False),
            ["keepalived on load-balancer-2 is inactive: it could not take the endpoint's address"],
        ),
        (HOLDS, Unseen("timed out"), ["keepalived on load-balancer-2: timed out"]),
        # The host's own finding says this. It is not known which host holds the address.
        (WAITS, LOST, []),
        (HOLDS, LOST, []),
    ],
)
def test_one_holds_the_address_and_the_other_could(first: Shares, second: Shares, told: list[str]) -> None:
    assert of_the_balancers(with_shares(first, second)) == [f"load balancer: {one}" for one in told]


def test_each_one_s_view_of_the_engines_is_told_with_its_name() -> None:
    seen = facts()
    views = seen[LoadBalancerHealth].balancers
    known = views[SECOND]
    assert not isinstance(known, Unseen)
    down = {**known, "policy-engine-2": Backend("DOWN", "L4CON")}
    assert of_the_balancers(changed(seen, LoadBalancerHealth, balancers={**views, SECOND: down})) == [
        "load balancer: policy-engine-2 is DOWN (L4CON) at load-balancer-2"
    ]
    mute = changed(seen, LoadBalancerHealth, balancers={**views, SECOND: Unseen("refused")})
    assert of_the_balancers(mute) == ["load balancer: HAProxy's statistics at load-balancer-2: refused"]


def test_a_certificate_of_either_counts() -> None:
    known = reports()
    answers = dict(known[SECOND].answers)
    answers["certificate"] = {"code": 0, "out": "notAfter=2020-01-01 00:00:00Z\n", "err": "", "seconds": 0.1}
    known[SECOND] = replace(known[SECOND], answers=answers)
    seen = parse_facts(STACK, known, SERVERS, 20)
    assert of_the_balancers(seen) == ["load balancer: its certificate has ended"]


def test_two_on_one_compute_host_are_named() -> None:
    seen = facts()
    together = {
        name: replace(host, place="p" if host.role == "load-balancer" else name)
        for name, host in seen.hosts.items()
    }
    (finding,) = (f for f in assess(replace(seen, hosts=together)) if "compute host" in f.what)
    assert (finding.severity, finding.what) == (
        "note",
        "load-balancer and load-balancer-2 run on the same compute host: one fault would stop them all",
    )
    assert finding.way_out == (
        "make replace HOST=load-balancer gives it another compute host, if the cloud has room on one"
    )


def test_a_single_one_is_not_asked_for_an_address() -> None:
    assert "address" in health_commands(SECOND, STACK, Limits())
    assert "address" not in health_commands(FIRST, healthy.STACK, Limits())
    assert healthy.facts()[LoadBalancerHealth].addresses == {}
