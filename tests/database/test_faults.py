"""Faults of the database's hosts and processes: no confirmed write is lost, and no operator has to help."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from threading import Event, Thread

from tests.database.support.cluster import PROMOTED, STOPPED, Cluster, Node
from tests.support import mariadb
from tests.support.waiting import wait_for

WAITING = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE STATE LIKE 'Waiting for semi-sync%'"

numbers = count(1)


class Client:
    """Writes to one server under a lock of the table, as Congress does. `known`: the writes that were confirmed."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.known: list[int] = []
        self.enough, self.ended = Event(), Event()

    def write(self) -> None:
        with suppress(OSError), mariadb.session(self.node.folder) as ask:
            while not self.ended.is_set():
                number = next(numbers)
                locked = f"LOCK TABLES congress.writes WRITE; INSERT INTO congress.writes VALUES ({number})"  # noqa: S608
                if ask(f"{locked}; UNLOCK TABLES; SELECT {number}").strip() != str(number):
                    return
                self.known.append(number)
                if len(self.known) == 20:
                    self.enough.set()


@contextmanager
def writing(node: Node) -> Iterator[Client]:
    """A client writes inside the context. Some of its writes are confirmed."""
    client = Client(node)
    thread = Thread(target=client.write)
    thread.start()
    try:
        assert client.enough.wait(30)
        yield client
    finally:
        client.ended.set()
        thread.join(30)


def rows(node: Node) -> set[int]:
    return {int(line) for line in node.sql("SELECT number FROM congress.writes").splitlines()}


def write(node: Node) -> int:
    number = next(numbers)
    node.sql(f"INSERT INTO congress.writes VALUES ({number})")  # noqa: S608
    return number


def all_have(cluster: Cluster, known: list[int]) -> None:
    found = wait_for("all have the same", 20, lambda: equal(cluster))
    assert set(known) <= found


def equal(cluster: Cluster) -> set[int]:
    one, *others = [rows(node) for node in cluster.nodes.values()]
    assert all(other == one for other in others)
    return one


def test_the_writers_host_is_lost(cluster: Cluster) -> None:
    writer = cluster.settle()
    with writing(writer) as client:
        cluster.leaves(writer)
    new = cluster.settle()
    assert set(client.known) <= rows(new)
    known = [*client.known, write(new)]
    # The former writer comes back, and follows without help.
    assert cluster.heal() is new
    all_have(cluster, known)


def test_a_lost_writer_is_harmless_once_nobody_receives_from_it(cluster: Cluster) -> None:
    writer = cluster.settle()
    other, _ = cluster.others(writer)

    def harmless() -> str:
        done = other.run("congress_database.py", "harmless", writer.name)
        return "" if done.returncode == 0 else done.stderr

    assert "could still be acknowledged" in harmless()
    cluster.leaves(writer)
    # Their monitors have not run yet.
    assert f"{writer.name} is absent" in harmless()
    cluster.each("monitor", cluster.present)
    assert harmless() == ""
    assert cluster.settle() is not writer
    assert harmless() == ""
    cluster.heal()


def test_the_writers_process_is_killed(cluster: Cluster) -> None:
    """It continues at once. If it is killed again soon afterwards, another member takes its place."""
    writer = cluster.settle()
    with writing(writer) as client:
        writer.kill()
    assert writer.act("monitor") == PROMOTED
    known = [*client.known, write(writer)]
    assert cluster.settle() is writer
    with writing(writer) as client:
        writer.kill()
    assert writer.act("monitor") == STOPPED
    all_have(cluster, [*known, *client.known, write(cluster.settle())])


def test_a_killed_writer_goes_on_without_a_look_at_it(cluster: Cluster) -> None:
    """Its systemd unit starts it again when it ends."""
    writer = cluster.settle()
    writer.kill()
    assert writer.run("congress_database.py", "report", SERVICE_RESULT="signal").returncode == 0
    known = wait_for("it takes writes", 30, lambda: write(writer))
    all_have(cluster, [known])


def test_a_writer_that_was_never_promoted_goes_on_too(cluster: Cluster) -> None:
    """Pacemaker finds the first writer of a new deployment, and promotes nobody."""
    writer = cluster.settle()
    (writer.folder / "mandate").unlink()
    assert writer.act("monitor") == PROMOTED
    writer.kill()
    assert writer.run("congress_database.py", "report", SERVICE_RESULT="signal").returncode == 0
    assert wait_for("it takes writes", 30, lambda: write(writer))


def test_the_first_host_goes_on_while_there_is_no_cluster_yet(cluster: Cluster) -> None:
    """`up` may be interrupted before Pacemaker is there."""
    writer = cluster.settle()
    state, key = writer.folder / "state.json", writer.folder / "authkey"
    kept = state.read_text()
    state.write_text(json.dumps({"role": "writer", "term": 1}))
    key.unlink()
    try:
        writer.kill()
        assert writer.run("congress_database.py", "report", SERVICE_RESULT="signal").returncode == 0
        read_only = "SELECT @@read_only"
        wait_for("it takes writes", 30, lambda: writer.unit() == "active" and writer.sql(read_only) == "0")
    finally:
        key.touch()
        state.write_text(kept)


def test_replicas_stop_following_at_the_first_word_of_a_lost_writer(cluster: Cluster) -> None:
    """The fencing waits until the lost writer is harmless. Otherwise they would report it only at the next monitor."""
    writer = cluster.settle()
    told = {"OCF_RESKEY_CRM_meta_notify_type": "pre", "OCF_RESKEY_CRM_meta_notify_operation": "demote"}
    others = [node for node in cluster.present if node is not writer]
    for node in others:
        node.run("congress_mariadb.py", "notify", **told)
    assert [cluster.state(node) for node in others] == ["follows", "follows"], "a planned move"
    cluster.leaves(writer)
    for node in others:
        node.run("congress_mariadb.py", "notify", **told)
    assert all(cluster.state(node).startswith("full:") for node in others)
    assert others[0].run("congress_database.py", "harmless", writer.name).returncode == 0


def test_a_writer_that_was_told_to_stop_does_not_go_on(cluster: Cluster) -> None:
    writer = cluster.settle()
    assert writer.act("demote") == 0
    writer.kill()
    assert writer.run("congress_database.py", "resume").returncode == 0
    assert writer.unit() == "inactive"
    cluster.settle()


def test_a_writer_that_cannot_start_again_is_reported(cluster: Cluster) -> None:
    writer = cluster.settle()
    writer.kill()
    options = writer.folder / "my.cnf"
    whole = options.read_text()
    options.write_text(f"{whole}\n[mysqld]\nno_such_option\n")
    done = writer.run("congress_database.py", "resume")
    options.write_text(whole)
    assert (done.returncode, "does not start" in done.stderr) == (1, True)
    assert cluster.state(writer) == ""
    assert f"--node {writer.name}" in (writer.folder / "crm_resource.log").read_text()
    cluster.settle()


def test_a_demoted_writer_ends_its_clients(cluster: Cluster) -> None:
    writer = cluster.settle()
    with writing(writer) as client:
        assert writer.act("demote") == 0
        client.ended.wait(0)
        assert writer.sql("SELECT @@read_only") == "1"
    # A client waits until the address is where the next writer is.
    assert (writer.folder / "holds-back").exists()
    new = cluster.settle()
    assert not (new.folder / "holds-back").exists()
    all_have(cluster, [*client.known, write(new)])


def test_any_of_equal_members_may_become_the_writer_by_an_order(cluster: Cluster) -> None:
    writer = cluster.settle()
    _, last = cluster.others(writer)
    known = write(writer)
    assert writer.act("demote") == 0
    cluster.each("monitor", cluster.present)
    assert last.act("promote") == 0
    assert cluster.settle() is last
    all_have(cluster, [known])


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


@contextmanager
def unanswered_write(cluster: Cluster, writer: Node) -> Iterator[None]:
    """The writer has a write that no replica receives, so no client knows of it."""

    def attempt() -> None:
        with suppress(AssertionError):
            write(writer)

    for node in cluster.others(writer):
        node.sql("STOP SLAVE")
    waiting = Thread(target=attempt)
    waiting.start()
    wait_for("the write waits", 20, lambda: writer.sql(WAITING) == "1")
    yield
    waiting.join(30)
    assert not waiting.is_alive()


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


def test_one_with_other_writes_takes_no_part_in_an_election(cluster: Cluster) -> None:
    writer = cluster.settle()
    wrong, other = cluster.others(writer)
    wrong.sql("INSERT INTO congress.writes VALUES (-2)")
    known = [write(writer)]
    wait_for("it says so", 30, lambda: wrong.act("monitor") == 0 and cluster.state(wrong) == "diverged")
    cluster.leaves(writer)
    for _ in range(2):
        assert cluster.step() is None
        assert (cluster.state(wrong), wrong.kept) == ("diverged", "diverged")
        assert cluster.state(other).startswith("full:")
    writer.present = True
    wait_for("a writer", 60, cluster.step)
    assert wrong.run("congress_database.py", "rebuild").returncode == 0
    known.append(write(cluster.settle()))
    all_have(cluster, known)
    assert -2 not in rows(wrong)


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


def test_one_with_other_writes_says_so_and_is_rebuilt_by_one_command(cluster: Cluster) -> None:
    writer = cluster.settle()
    other = cluster.others(writer)[0]
    other.sql("INSERT INTO congress.writes VALUES (-1)")
    known = write(writer)
    wait_for("it says so", 30, lambda: other.act("monitor") == 0 and cluster.state(other) == "diverged")
    assert "sudo congress-database rebuild" in (other.folder / "agent.log").read_text()
    done = other.run("congress_database.py", "rebuild")
    assert done.returncode == 0, done.stderr
    cluster.settle()
    all_have(cluster, [known])
    assert -1 not in rows(other)


def test_the_writer_is_not_rebuilt(cluster: Cluster) -> None:
    done = cluster.settle().run("congress_database.py", "rebuild")
    assert (done.returncode, "is the writer" in done.stderr) == (1, True)


def test_a_second_database_is_not_begun(cluster: Cluster) -> None:
    other = cluster.others(cluster.settle())[0]
    kept = (other.folder / "state.json").read_text()
    (other.folder / "state.json").unlink()
    done = other.run("congress_database.py", "found")
    (other.folder / "state.json").write_text(kept)
    assert done.returncode == 1
    assert "has a database already" in done.stderr
