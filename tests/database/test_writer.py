"""Faults of the writer, its host and its process: no write that a client knows of is lost, and nobody must help."""

from __future__ import annotations

import json

from tests.database.support.cluster import PROMOTED, STOPPED, Cluster
from tests.database.support.writes import all_have, rows, write, writing
from tests.support.waiting import wait_for


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
        assert client.cut_off.wait(20)
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
