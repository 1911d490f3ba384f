"""A member with other writes, and what `congress-database` refuses."""

from __future__ import annotations

from tests.database.support.cluster import Cluster
from tests.database.support.writes import all_have, rows, write
from tests.support.waiting import wait_for


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
    state = other.folder / "state.json"
    kept = state.read_text()
    state.unlink()
    try:
        done = other.run("congress_database.py", "found")
    finally:
        state.write_text(kept)
    assert done.returncode == 1
    assert "has a database already" in done.stderr


def test_one_that_may_lack_writes_does_not_take_them(cluster: Cluster) -> None:
    """Its promotion would be refused, and nobody would take writes meanwhile (seen on the lab)."""
    replica = cluster.others(cluster.settle())[0]
    replica.kill()
    replica.start_unit()
    done = replica.run("congress_database.py", "take")
    assert (done.returncode, "has not caught up with the writer yet" in done.stderr) == (1, True)
    assert (
        not (replica.folder / "crm_resource.log").exists()
        or "--move" not in (replica.folder / "crm_resource.log").read_text()
    )
    cluster.settle()
