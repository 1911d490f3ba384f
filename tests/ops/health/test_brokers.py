"""Findings about the members of the message bus."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ops.health.facts import Unseen
from ops.health.roles.messaging import Bus, MessagingHealth
from ops.ssh.survey import Report
from roles import MESSAGING
from tests.ops.support.sample_stack import STACK, facts

NAMES = ("messaging", "messaging-2", "messaging-3")
WHOLE = Bus("", 10, 1, running=3)


def cluster(**changes: Bus | Unseen) -> MessagingHealth:
    known: dict[str, Bus | Unseen] = dict.fromkeys(NAMES, WHOLE)
    return MessagingHealth(WHOLE, known | {name.replace("_", "-"): one for name, one in changes.items()})


def test_a_whole_cluster_is_ok_and_its_connections_are_added() -> None:
    assert list(cluster().findings(facts())) == []
    assert cluster().rows(facts()) == {MESSAGING.row: "30 connections, 3 of 3 hosts"}


@pytest.mark.parametrize(
    ("seen", "what"),
    [
        (Unseen("no node"), "RabbitMQ does not answer at messaging-2: no node"),
        (replace(WHOLE, alarms="[disk]"), "RabbitMQ takes no messages at messaging-2, alarms: [disk]"),
        # It could not join the others, and made a cluster of its own.
        (Bus("", 0, 0, running=1), "RabbitMQ at messaging-2 reaches 1 of 3 members of its cluster"),
    ],
)
def test_a_fault_names_its_host(seen: Bus | Unseen, what: str) -> None:
    (finding,) = cluster(messaging_2=seen).findings(facts())
    assert finding.what == what
    assert "on messaging-2: " in finding.way_out


def test_hosts_that_do_not_answer_have_no_connections() -> None:
    lost = {name.replace("-", "_"): Unseen("off") for name in NAMES}
    assert cluster(**lost).rows(facts()) == {MESSAGING.row: ""}


def test_a_bus_of_which_nobody_serves_has_its_own_way_out() -> None:
    """After a power cut, two wait for a third one that does not come back."""
    lost = {name.replace("-", "_"): Unseen("no node") for name in NAMES}
    first, *others = cluster(**lost).findings(facts())
    assert first.what == "no host of the message bus serves"
    assert first.way_out.startswith("docs/recover.md, A member of the bus that does not join")
    assert len(others) == len(NAMES)


def test_only_one_host_counts_the_consumers_of_a_queue() -> None:
    def report(consumers: int) -> Report:
        out = f"alarms=[]\nconnections=4\nconsumers={consumers}\nrunning=3\n"
        return Report(answers={"bus": {"code": 0, "out": out, "err": "", "seconds": 0.1}})

    known = MessagingHealth.parse(STACK, dict(zip(NAMES, map(report, (0, 1, 0)), strict=True)))
    assert isinstance(known.bus, Bus)
    assert known.bus.consumers == 1
