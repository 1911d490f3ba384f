"""Which hosts must not be replaced at present."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ops.health.facts import Facts, Unseen
from ops.health.roles.load_balancer import LoadBalancerHealth, Shares
from ops.health.roles.messaging import Bus, MessagingHealth
from tests.ops.support import fact_changes as changes
from tests.ops.support import two_load_balancers as balancers
from tests.ops.support.lost_hosts import GONE, refusal, unreachable
from tests.ops.support.sample_stack import STACK

ONE, OTHER = "policy-engine-host-1", "policy-engine-host-2"


@pytest.mark.parametrize("host", STACK.hosts)
def test_any_host_of_a_healthy_stack_may_be_replaced(host: str) -> None:
    assert refusal(STACK, changes.healthy(), host) is None


@pytest.mark.parametrize("host", [host for host in STACK.hosts if host != "database"])
def test_a_host_that_is_lost_may_be_replaced(host: str) -> None:
    assert refusal(STACK, unreachable(changes.healthy(), host), host) is None


def test_the_last_engine_that_works_stays() -> None:
    for seen in (
        unreachable(changes.healthy(), OTHER),
        changes.engine(changes.healthy(), unit=("failed", "failed")),
        changes.view(changes.healthy(), code=500),
    ):
        why = refusal(STACK, seen, ONE)
        assert why == "policy-engine-1 is the last working engine: repair policy-engine-2 first (make status)"
        assert refusal(STACK, seen, OTHER) is None


def test_an_engine_may_go_where_none_works() -> None:
    seen = unreachable(unreachable(changes.healthy(), ONE), OTHER)
    assert refusal(STACK, seen, ONE) is None


@pytest.mark.parametrize(
    "change", [{"online": False}, {"standby": True}, {"unclean": True}, {"pending": True}]
)
def test_a_host_of_the_pair_stays_while_the_other_could_not_take_over(change: dict[str, bool]) -> None:
    seen = changes.node(changes.healthy(), **change)
    why = refusal(STACK, seen, "datasource-1")
    assert why is not None
    assert why.startswith("datasource-2 cannot run the datasource node meanwhile")
    assert refusal(STACK, seen, "datasource-2") is None


def test_a_host_of_the_pair_stays_while_the_other_is_not_reached() -> None:
    seen = unreachable(changes.healthy(), "datasource-2")
    assert refusal(STACK, seen, "datasource-1") is not None
    assert refusal(STACK, unreachable(seen, "datasource-1"), "datasource-1") is None


@pytest.mark.parametrize("other_lost", [True, False])
def test_a_host_whose_compute_host_is_down_is_confirmed_dead_first(*, other_lost: bool) -> None:
    """Nova would delete it only in its database, and the other host would be told that it is off."""
    unclean = unreachable(changes.node(changes.healthy(), online=False, unclean=True), "datasource-2")
    seen = changes.host(unclean, "datasource-2", task="pausing")
    why = refusal(STACK, unreachable(seen, "datasource-1") if other_lost else seen, "datasource-2")
    assert why is not None
    assert "nova accepted the request to stop datasource-2 (pausing) but does not carry it out" in why
    assert why.endswith("make confirm-dead HOST=datasource-2")
    assert refusal(STACK, unclean, "datasource-2") is None


def test_a_host_that_was_confirmed_dead_may_be_replaced() -> None:
    off = unreachable(changes.node(changes.healthy(), online=False, unclean=False), "datasource-2")
    assert refusal(STACK, changes.host(off, "datasource-2", task="pausing"), "datasource-2") is None


def test_data_that_cannot_be_saved_keeps_its_server() -> None:
    why = refusal(STACK, unreachable(changes.healthy(), "database"), "database")
    assert why is not None
    assert GONE in why
    assert "make replace HOST=database FILE=..." in why
    assert refusal(STACK, unreachable(changes.healthy(), "database"), "database", saved=True) is None


@pytest.mark.parametrize("writer", ["datasource-2", "policy-engine-host-1"])
def test_the_database_stays_while_somebody_may_write_who_cannot_be_stopped(writer: str) -> None:
    why = refusal(STACK, unreachable(changes.healthy(), writer), "database", saved=True)
    assert (
        why == f"{writer} cannot be reached ({GONE}), and its Congress processes must stop: repair it first"
    )


def test_without_the_bastion_only_the_bastion_can_be_replaced() -> None:
    seen = changes.host(changes.healthy(), "bastion", ssh=GONE)
    assert refusal(STACK, seen, "bastion") is None
    assert refusal(STACK, seen, "messaging") == (
        f"the bastion cannot be reached ({GONE}), nor any host behind it: make replace HOST=bastion"
    )


def test_the_last_load_balancer_of_two_that_works_stays() -> None:
    seen = balancers.facts()
    assert refusal(balancers.STACK, seen, balancers.FIRST) is None
    alone = changes.changed(
        seen,
        LoadBalancerHealth,
        balancers={**seen[LoadBalancerHealth].balancers, balancers.SECOND: Unseen("refused")},
    )
    assert refusal(balancers.STACK, alone, balancers.FIRST) == (
        "load-balancer is the last working load balancer: repair load-balancer-2 first (make status)"
    )
    assert refusal(balancers.STACK, alone, balancers.SECOND) is None
    stopped = balancers.with_shares(balancers.HOLDS, Shares("inactive", holds=False))
    assert "load-balancer is the last" in str(refusal(balancers.STACK, stopped, balancers.FIRST))
    assert refusal(STACK, changes.healthy(), balancers.FIRST) is None


def test_a_host_of_the_bus_stays_while_another_is_lost() -> None:
    names = ("messaging", "messaging-2", "messaging-3")
    whole = dict.fromkeys(names, Bus("", 10, 1, running=3))

    def seen(*lost: str) -> Facts:
        members = whole | dict.fromkeys(lost, Unseen("off"))
        return changes.changed(changes.healthy(), MessagingHealth, members=members)

    stack = replace(STACK, hosts={**STACK.hosts, **dict.fromkeys(names, STACK.hosts["messaging"])})
    assert refusal(stack, seen(), "messaging-2") is None
    assert refusal(stack, seen("messaging-2"), "messaging-2") is None
    assert refusal(stack, seen("messaging-2", "messaging"), "messaging-2") is None
    assert refusal(stack, seen("messaging-3"), "messaging-2") == (
        "without messaging-2, no majority of the message bus would be left: repair messaging-3 first (make status)"
    )
