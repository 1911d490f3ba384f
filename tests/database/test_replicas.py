"""Faults of replicas, and of several hosts at once: no write that a client knows of is lost, and nobody must help."""

from __future__ import annotations

import os
import signal
from threading import Thread

from tests.database.support.cluster import Cluster
from tests.database.support.writes import WAITING, all_have, rows, unanswered_write, write, writing
from tests.support.waiting import wait_for


def test_one_replica_is_lost(cluster: Cluster) -> None:
    writer = cluster.settle()
    cluster.leaves(cluster.others(writer)[0])
    known = write(writer)
    cluster.heal()
    all_have(cluster, [known])


def test_two_replicas_are_lost(cluster: Cluster) -> None:
    """A write waits for a replica, and no other member is promoted."""
    writer = cluster.settle()
    cluster.leaves(*cluster.others(writer))
    blocked = Thread(target=write, args=[writer])
    blocked.start()
    wait_for("the write waits", 20, lambda: writer.sql(WAITING) == "1")
    assert cluster.step() is writer
    back = cluster.others(writer)[0]
    back.present = True
    cluster.settle()
    blocked.join(20)
    assert not blocked.is_alive()
    cluster.heal()
    all_have(cluster, [])


def test_a_replica_that_is_behind_is_not_promoted(cluster: Cluster) -> None:
    writer = cluster.settle()
    # The member that would win if all were equal.
    behind, ahead = cluster.others(writer)
    behind.sql("STOP SLAVE")
    known = write(writer)
    cluster.leaves(writer)
    assert cluster.settle() is ahead
    assert known in rows(ahead)
    cluster.heal()
    all_have(cluster, [known])


def test_one_that_is_behind_does_not_win_by_a_writer_from_which_it_got_nothing(cluster: Cluster) -> None:
    """Two writers are lost, the second one before the last member has its writes. The first one comes back."""
    writer = cluster.settle()
    behind, ahead = cluster.others(writer)
    behind.sql("STOP SLAVE")
    known = write(writer)
    cluster.leaves(writer)
    cluster.each("monitor", cluster.present)
    assert ahead.act("promote") == 0
    os.kill(ahead.pid, signal.SIGSTOP)
    assert behind.act("monitor") == 0
    assert cluster.state(behind) == "follows"
    cluster.leaves(ahead)
    writer.present = True
    assert cluster.settle() is writer
    assert known in rows(writer)
    cluster.heal()
    all_have(cluster, [known])


def test_a_former_writer_follows_also_if_the_third_host_is_away(cluster: Cluster) -> None:
    former = cluster.settle()
    with unanswered_write(cluster, former):
        cluster.leaves(former)
    new = cluster.settle()
    (third,) = (node for node in cluster.present if node is not new)
    cluster.leaves(third)
    former.present = True
    assert cluster.settle() is new
    known = write(new)
    cluster.heal()
    all_have(cluster, [known])


def test_a_replica_that_somebody_restarts_is_no_full_member_until_it_has_caught_up(cluster: Cluster) -> None:
    """It receives again what it had received and not applied, but not from a writer that is lost meanwhile."""
    replica = cluster.others(cluster.settle())[0]
    replica.kill()
    replica.start_unit()
    assert replica.kept == "part"
    cluster.settle()
    assert replica.kept == "replica"


def test_what_a_killed_replica_had_not_applied_is_not_taken_for_there(cluster: Cluster) -> None:
    """A replica confirms the write and then loses it. The other replica never had it, so only the writer has it."""
    writer = cluster.settle()
    behind, killed = cluster.others(writer)
    behind.sql("STOP SLAVE")
    killed.sql("STOP SLAVE SQL_THREAD")
    known = write(writer)
    cluster.leaves(writer, killed)
    killed.present = True
    for _ in range(2):
        assert cluster.step() is None
    assert cluster.heal() is writer
    all_have(cluster, [known])


def test_all_are_off_and_on(cluster: Cluster) -> None:
    with writing(cluster.settle()) as client:
        cluster.leaves(*cluster.nodes.values())
    cluster.heal()
    all_have(cluster, client.known)
