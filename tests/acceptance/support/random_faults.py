"""Faults of any role in random order: what the whole deployment must be after each of them."""

from __future__ import annotations

from roles import DATABASE, LOAD_BALANCER
from tests.acceptance.support.balancers import Balancers
from tests.acceptance.support.databases import Members, Rules, adding_rules
from tests.acceptance.support.faults import Fault, Outcome, suffer
from tests.acceptance.support.pair import Pair
from tests.support.waiting import wait_for

PAUSE = 1.0  # seconds between two rules: other clients read and write, too
AGAIN = 300.0  # seconds for rules to be added again, and for the database to be able to lose a host again


def survive(pair: Pair, fault: Fault) -> Outcome:
    """Let the deployment suffer a fault while a client adds rules, and audit all roles."""
    members = Members(pair.deployment, pair.admin)
    with adding_rules(pair.deployment, PAUSE) as rules:
        outcome = suffer(pair, fault)
        rules.added_again(AGAIN)
        if has_several(pair, DATABASE.name):
            wait_for("any one host of the database may fail again", AGAIN, members.may_lose_one)
        rules.stop()
        audit(pair, members, rules)
    return outcome


def audit(pair: Pair, members: Members, rules: Rules) -> None:
    """Assert that one load balancer holds the endpoint, and that one writer and its copies have all confirmed rules.

    `suffer` has audited the pair, and the bus: by `make status`, and after a fault of its own also each queue.
    """
    if has_several(pair, LOAD_BALANCER.name):
        Balancers(pair.deployment, pair.admin).one_holder()
    if has_several(pair, DATABASE.name):
        members.data_is_whole(rules)
    else:
        rules.are_whole()


def has_several(pair: Pair, role: str) -> bool:
    return len(pair.deployment.hosts(role)) > 1
