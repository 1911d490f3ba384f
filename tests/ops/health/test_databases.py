"""Findings about three hosts of the database, and which of them may be replaced."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ops.health.assessment import servers
from ops.health.facts import Unseen
from ops.health.roles.database import Database, DatabaseHealth, Member
from ops.ssh.survey import Report
from roles import DATABASE
from tests.ops.support import fact_changes as changes
from tests.ops.support.lost_hosts import refusal
from tests.ops.support.sample_stack import STACK, facts

NAMES = ("database", "database-2", "database-3")
WRITER = Member("writer", "writer:3:7", "writer", None, 2)
REPLICA = Member("replica", "follows", "replica", 0, 0)
LOST = Unseen("off")
WHOLE = {"database": REPLICA, "database-2": WRITER, "database-3": REPLICA}
STATUS = """\
name\t{name}
role\t{role}
kept\t{role}
number\t17
lag\t{lag}
clients\t{clients}
state\tdatabase\tfollows
state\tdatabase-2\twriter:3:7
state\tdatabase-3\tfollows
"""


def cluster(**changed: Member | Unseen) -> DatabaseHealth:
    known: dict[str, Member | Unseen] = {**WHOLE}
    known |= {name.replace("_", "-"): member for name, member in changed.items()}
    return DatabaseHealth(Database(10, 500, 0, 0, 60), known)


def report(name: str) -> Report:
    is_writer = name == "database-2"
    values = ("writer", "NULL", 2) if is_writer else ("replica", "0", 0)
    text = STATUS.format(name=name, role=values[0], lag=values[1], clients=values[2])
    rows = f"connections\t{10 if is_writer else 1}\nmax_connections\t500\nwaiting\t0\nwaiting_seconds\t0\nchanged\t60\n"
    return Report(
        answers={
            probe: {"code": 0, "out": out, "err": "", "seconds": 0.1}
            for probe, out in (("database", rows), ("member", text))
        }
    )


def test_a_whole_cluster_is_ok_and_its_writer_counts_the_connections() -> None:
    known = DatabaseHealth.parse(STACK, {name: report(name) for name in NAMES})
    assert known == cluster()
    assert list(known.findings(facts())) == []
    assert known.rows(facts()) == {
        DATABASE.row: "answers, 10 of 500 connections used, database has a copy (0 s behind), "
        "database-2 takes writes, database-3 has a copy (0 s behind)"
    }


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"database_3": Unseen("no socket")}, "the database at database-3: no socket"),
        (
            {"database_3": replace(REPLICA, state="diverged")},
            "the copy at database-3 cannot follow the writer",
        ),
        (
            {"database_3": replace(REPLICA, state="full:2:17:2")},
            "the copy at database-3 receives nothing (full:2:17:2)",
        ),
        (
            {"database_2": replace(WRITER, copies=0)},
            "no replica receives from database-2, so every write waits until one does",
        ),
        ({"database_2": replace(REPLICA)}, "no host of the database takes writes"),
    ],
)
def test_a_fault_is_one_line(changed: dict[str, Member | Unseen], what: str) -> None:
    assert [finding.what for finding in cluster(**changed).findings(facts())] == [what]


def test_a_host_that_is_off_says_so_itself() -> None:
    off = cluster(database_3=Unseen("off", explained=True))
    assert list(off.findings(facts())) == []


def refused(host: str, **changed: Member | Unseen) -> str | None:
    known = changes.changed(changes.healthy(), DatabaseHealth, members=cluster(**changed).members)
    hosts = {**STACK.hosts, **dict.fromkeys(NAMES, STACK.hosts["database"])}
    return refusal(replace(STACK, hosts=hosts), known, host)


def test_a_copy_that_may_not_take_the_writes_yet_is_shown() -> None:
    """It was lost together with writes that it had confirmed, and is back."""
    known = cluster(database_3=replace(REPLICA, kept="part"))
    assert list(known.findings(facts())) == []
    assert known.rows(facts())[DATABASE.row].endswith(", database-3 catches up (0 s behind)")


def test_a_host_stays_while_the_others_could_not_go_on() -> None:
    assert refused("database-2") is None
    assert refused("database-3", database_3=LOST) is None
    assert refused("database-2", database_3=LOST) == (
        "without database-2, the database would have one host: repair database-3 first (make status)"
    )


def test_a_host_that_may_have_the_only_copy_stays() -> None:
    """After a power cut of all three."""
    full, part = (
        Member("replica", f"{kind}:3:7:3", kept, None, 0)
        for kind, kept in (("full", "replica"), ("part", "part"))
    )
    assert refused("database", database=full, database_2=part, database_3=LOST) == (
        "database may have the only copy of the last writes, because no other host has all of them: "
        "repair database-2, database-3 first (make status)"
    )
    # Two full members have every write between them, and a writer has its own.
    assert refused("database", database=LOST, database_2=full, database_3=full) is None
    assert refused("database", database=LOST, database_3=LOST) is None


def test_one_of_several_hosts_is_not_unpaused() -> None:
    """It was fenced, and would go on as the writer that it was."""
    several = {**changes.healthy().hosts, "database-2": changes.healthy().hosts["database"]}
    seen = replace(changes.healthy(), hosts=several)
    (found,) = servers(changes.host(seen, "database", status="PAUSED"))
    assert found.way_out.startswith(
        "openstack server reboot --hard congress-dev-database (make repair does it)"
    )
