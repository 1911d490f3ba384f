"""The order of a restore, and the rollback after each failure."""

from __future__ import annotations

import os
import re
import signal

import pytest

from ops.data.restore import RestoreError
from ops.ssh.commands import HostError
from tests.ops.support.fake_database_hosts import (
    CHANGE,
    OLDER,
    SAVED_DUMP,
    START,
    STOP,
    FakeHosts,
    load_backup,
    load_dump,
)


def test_the_order_of_a_restore() -> None:
    hosts = FakeHosts()
    load_backup(hosts)
    incoming = ["load incoming.sql.gz", *CHANGE[1:]]
    assert hosts.kinds == ["send", "check", *STOP, "keep", *incoming, *START, "discard"]
    of = dict(hosts.commands)
    assert of["keep"] == of["load incoming.sql.gz"] == "database"
    assert of["migrate"] == of["reencrypt"] == of["stop node"] == "datasource-1"
    assert of["start 2"] == "policy-engine-host-2"


def test_a_dump_of_the_database_s_host_is_loaded_and_stays() -> None:
    hosts = FakeHosts()
    load_dump(hosts, f"/var/backups/congress/{OLDER}")
    incoming = ["load incoming.sql.gz", *CHANGE[1:]]
    # The dump of what is there may be the sixth of its kind.
    assert hosts.kinds == ["hold", "check", *STOP, "keep", *incoming, *START, "discard"]


@pytest.mark.parametrize("fails", [*CHANGE, *START])
def test_the_previous_database_is_restored_if_a_step_fails(fails: str) -> None:
    hosts = FakeHosts(fails)
    with pytest.raises(RestoreError) as failed:
        load_backup(hosts)
    assert re.fullmatch(
        rf"\S+: {fails} was made to fail. Nothing was restored: the services run again, the database is as it was",
        str(failed.value),
    )
    assert hosts.kinds[-8:] == [*STOP, f"load {SAVED_DUMP}", *START, "discard"]


@pytest.mark.parametrize("fails", [*STOP, "keep"])
def test_an_unchanged_database_is_not_loaded_again(fails: str) -> None:
    hosts = FakeHosts(fails)
    with pytest.raises(RestoreError, match="the database is as it was"):
        load_backup(hosts)
    assert [kind for kind in hosts.kinds if kind.startswith("load")] == []
    assert hosts.kinds[-4:] == [*START, "discard"]


def test_a_failed_rollback_names_the_way_out() -> None:
    hosts = FakeHosts("load", always=True)
    with pytest.raises(RestoreError) as failed:
        load_backup(hosts)
    assert "could not be restored either: database: load was made to fail" in str(failed.value)
    assert str(failed.value).endswith(f"make restore DUMP={SAVED_DUMP}")


@pytest.mark.parametrize(
    ("fails", "way_out"),
    [
        ("stop 2", "this restore again"),
        ("load", f"make restore DUMP={SAVED_DUMP}"),
        ("start 1", f"make restore DUMP={SAVED_DUMP}"),
    ],
)
def test_without_the_lock_nothing_is_restored_or_started(
    monkeypatch: pytest.MonkeyPatch, fails: str, way_out: str
) -> None:
    """Another restore may hold it by now, and its services run."""
    hosts, seen = FakeHosts(fails), []

    def happens(kind: str) -> None:
        seen.append(kind)
        if kind == "require lock" and fails in seen:
            raise HostError("database: it was lost")

    monkeypatch.setattr(hosts, "happens", happens)
    with pytest.raises(RestoreError) as failed:
        load_backup(hosts)
    assert str(failed.value).endswith(
        f"{fails} was made to fail. Nothing was restored or started: database: it was lost. If another restore has"
        f" succeeded meanwhile, there is nothing to do; otherwise, when that is repaired: {way_out}"
    )
    assert hosts.kinds[-2].startswith(fails)
    assert hosts.kinds[-1] == "discard"


@pytest.mark.parametrize(("ended", "lost_after"), [(START[:2], "start 1"), (START[:1], "start node")])
def test_an_engine_does_not_start_once_the_lock_is_lost(
    monkeypatch: pytest.MonkeyPatch, ended: list[str], lost_after: str
) -> None:
    """It would write into what another restore loads."""
    hosts, seen = FakeHosts(), []

    def happens(kind: str) -> None:
        seen.append(kind)
        if kind == "require lock" and lost_after in seen:
            raise HostError("database: it was lost")

    monkeypatch.setattr(hosts, "happens", happens)
    with pytest.raises(RestoreError, match="Nothing was restored or started: database: it was lost"):
        load_backup(hosts)
    assert hosts.kinds[-len(ended) - 2 :] == ["migrate", *ended, "discard"]


def test_nothing_stops_once_the_lock_is_lost() -> None:
    hosts = FakeHosts("require lock", always=True)
    with pytest.raises(RestoreError, match="Nothing was restored or started"):
        load_backup(hosts)
    assert hosts.kinds == ["send", "check", "discard"]


def test_a_host_that_is_lost_at_the_end_does_not_hide_how_the_restore_ended(
    capsys: pytest.CaptureFixture[str],
) -> None:
    hosts = FakeHosts("discard")
    load_backup(hosts)
    assert "incoming.sql.gz stays until the next restore: database: discard" in capsys.readouterr().out


def test_without_tables_only_services_and_an_empty_schema_are_restored() -> None:
    hosts = FakeHosts("migrate")
    hosts.answers["keep"] = ""
    with pytest.raises(RestoreError, match="the database is empty, as it was"):
        load_backup(hosts)
    assert hosts.kinds[-9:] == [*STOP, "empty", "migrate", *START, "discard"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("kind", ["keep", "load", "start 1"])
def test_an_interruption_waits_for_the_step_and_rolls_back(
    monkeypatch: pytest.MonkeyPatch, number: int, kind: str
) -> None:
    hosts, before = FakeHosts(), signal.getsignal(number)
    monkeypatch.setattr(hosts, "happens", lambda now: os.kill(os.getpid(), number) if now == kind else None)
    with pytest.raises(RestoreError, match=r"^interrupted. Nothing was restored"):
        load_backup(hosts)
    assert hosts.kinds[-4:] == [*START, "discard"]
    assert (f"load {SAVED_DUMP}" in hosts.kinds) == (kind != "keep")
    assert signal.getsignal(number) == before


def test_the_database_is_marked_while_it_is_partly_replaced() -> None:
    hosts = FakeHosts()
    load_backup(hosts)
    kinds = [kind for kind, _ in hosts.commands]
    marked = kinds[kinds.index("mark") : kinds.index("unmark")]
    assert marked == ["mark", "load incoming.sql.gz", "reencrypt", "migrate"]
    hosts = FakeHosts("load")
    with pytest.raises(RestoreError):
        load_backup(hosts)
    kinds = [kind for kind, _ in hosts.commands]
    assert kinds.index(f"load {SAVED_DUMP}") < kinds.index("unmark") < kinds.index("start node")


def test_after_an_interrupted_restore_its_own_dump_is_the_previous_database() -> None:
    """A dump of the half-loaded database would replace the good one in a rollback."""
    hosts = FakeHosts("migrate")
    hosts.answers["unfinished"] = SAVED_DUMP
    with pytest.raises(RestoreError, match="the database is as it was"):
        load_dump(hosts, SAVED_DUMP)
    assert "keep" not in hosts.kinds
    assert f"load {SAVED_DUMP}" in hosts.kinds


def test_no_service_starts_on_a_partly_restored_database() -> None:
    """Even if the next restore fails before it changes the database, which is half loaded."""
    hosts = FakeHosts("stop node")
    hosts.answers["unfinished"] = SAVED_DUMP
    with pytest.raises(RestoreError):
        load_dump(hosts, SAVED_DUMP)
    started = [number for number, kind in enumerate(hosts.kinds) if kind.startswith("start")]
    assert not started or f"load {SAVED_DUMP}" in hosts.kinds[: started[0]]
