"""The lock of a backup, restore or upgrade on a real MariaDB: who waits, and what happens when it is lost."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import time
from contextlib import nullcontext
from pathlib import Path

import pytest

from ops.common.progress import Progress
from ops.data import database as congress_database
from ops.data.database import CongressDatabase
from ops.ssh import commands as hosts
from tests.render.support.database_server import END, LOADED, PROGRAMS, Server
from tests.support.programs import program, run
from tests.support.waiting import wait_for


def test_a_second_tool_waits_and_names_the_first(server: Server, dump: str) -> None:
    with server.lock_holder(5) as holder:
        assert holder.stdout is not None
        lock = holder.stdout.readline().strip()
        code, printed, errors = server.run("lock", "1", "echo", "ran")
        assert (code, printed) == (75, "")
        waits, refused = errors.splitlines()
        message = (
            f"another backup, restore or upgrade works on the database: connection {lock} of root@localhost"
        )
        assert re.fullmatch(rf"waits: {message}, for \d+ s", waits)
        way_out = f"if it does not run any more: sudo mariadb -e 'KILL {lock}' on {platform.node()}"
        assert re.fullmatch(
            rf"{message}, for \d+ s; still after 1 s. Try again when it is done; {way_out}", refused
        )
        # The holder itself continues under its lock.
        assert server.run("load", "check", "1000", sql=dump, lock=lock) == (0, LOADED, "")
        with subprocess.Popen(
            server.argv(PROGRAMS / "congress-dump"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as other:
            assert other.stdout is not None
            assert other.stderr is not None
            assert other.stderr.readline().startswith("waits: ")
            holder.communicate("")
            assert other.stdout.read().splitlines()[-1].startswith("-- Dump completed")
            assert other.wait(30) == 0


def test_a_holder_that_ends_during_the_search_for_it_is_not_named(server: Server, tmp_path: Path) -> None:
    """MariaDB then lists no connection, as here, and there is none to kill."""
    real = program("mariadb")
    shim = tmp_path / "mariadb"
    shim.write_text(f'#!/bin/bash\n[[ "$*" == *PROCESSLIST* ]] || exec {real} "$@"\n')
    shim.chmod(0o755)
    path = f"PATH={tmp_path}:{os.environ['PATH']}"
    with server.lock_holder(5) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        done = run(*server.argv("env", path, PROGRAMS / "congress-lock", "1", "echo", "ran"))
        assert (done.returncode, done.stdout) == (75, "")
        assert done.stderr.splitlines() == [
            "waits: another backup, restore or upgrade of the database just ended",
            "others had the database's lock for 1 s, and the last of them just ended: try again",
        ]
        holder.communicate("")


def test_a_killed_holder_loses_the_lock(server: Server) -> None:
    with server.lock_holder(5) as holder:
        assert holder.stdout is not None
        lock = holder.stdout.readline().strip()
        holder.kill()
        holder.communicate()
        wait_for("the lock is free", 20, lambda: server.ask("SELECT IS_USED_LOCK('congress-ha')") == "NULL\n")
    # The former holder does nothing more; others get the lock.
    code, printed, errors = server.run("lock", "1", "echo", "ran", lock=lock)
    assert (code, printed) == (1, "")
    assert errors.startswith("the lock on the database was lost, so nothing is done")
    assert server.run("lock", "1", "echo", "ran") == (0, "ran\n", "")


@pytest.mark.parametrize("late", [[], ["--locked"]], ids=["before", "while the program starts"])
@pytest.mark.parametrize("taken", [True, False])
def test_nothing_is_dropped_after_the_lock_is_lost(
    server: Server, dump: str, late: list[str], *, taken: bool
) -> None:
    server.ask("INSERT INTO congress.rules VALUES (2, '2')")
    with server.lock_holder(5) if taken else nullcontext() as holder:
        if holder:
            assert holder.stdout is not None
            holder.stdout.readline()
        for words in (["replace"], ["check", "1000"]):
            code, printed, errors = server.run("load", *late, *words, sql=dump, lock="4711")
            assert (code, printed) == (1, "")
            assert errors.startswith("the lock on the database was lost, so nothing is ")
        code, printed, errors = server.run("dump", lock="4711")
        assert (code, printed) == (1, "")
        assert errors.startswith("the lock on the database was lost, so nothing is done")
        if holder:
            holder.communicate("")
    assert server.ask("SELECT * FROM congress.rules") == "1\t1\n2\t2\n"


def test_a_dump_without_a_reader_ends_with_its_lock(server: Server) -> None:
    """For example of a machine that fell asleep: its transaction would block a migration of the tables."""
    server.ask(
        "CREATE TABLE congress.big (x longtext); INSERT INTO congress.big VALUES (REPEAT('x', 4000000))"
    )
    server.ask("INSERT INTO congress.big SELECT * FROM congress.big; CREATE TABLE congress.last (x int)")
    words = server.argv(PROGRAMS / "congress-dump")
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as unread:
        asked = "SELECT COUNT(*) FROM information_schema.INNODB_TRX"
        wait_for("it dumps", 20, lambda: server.ask(asked) != "0\n")
        holder = server.ask("SELECT IS_USED_LOCK('congress-ha')").strip()
        server.ask(f"KILL {holder}")
        wait_for("its transaction ends", 30, lambda: server.ask(asked) == "0\n")
        assert unread.wait(20) != 0
        assert unread.stderr is not None
        assert "the lock on the database was lost" in unread.stderr.read()


def test_the_next_load_ends_an_interrupted_one(server: Server, dump: str) -> None:
    """The session of its account outlives it and would continue to write into the database."""
    sessions = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE USER = 'nobody' AND INFO LIKE 'DO%'"
    words = server.argv(PROGRAMS / "congress-load", "replace")
    with subprocess.Popen(words, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as load:
        assert load.stdin is not None
        load.stdin.write(f"{dump}DO SLEEP(600);\n{END}")
        load.stdin.close()
        wait_for("it loads", 20, lambda: server.ask(sessions) == "1\n")
        holder = server.ask("SELECT IS_USED_LOCK('congress-ha')").strip()
        # Its tool is gone, and the lock with it; the load itself continues.
        server.ask(f"KILL {holder}")
        assert server.run("load", "check", "1000", sql=dump) == (0, LOADED, "")
        assert server.ask(sessions) == "0\n"
        assert load.wait(30) != 0


@pytest.mark.parametrize("asleep", [True, False])
def test_a_holder_that_falls_asleep_loses_the_lock(
    server: Server, database: CongressDatabase, monkeypatch: pytest.MonkeyPatch, *, asleep: bool
) -> None:
    """A sleeping holder closes no connection and sends nothing; a running one sends a line regularly."""
    monkeypatch.setattr(congress_database, "HOLDER_TIMEOUT", 2)
    monkeypatch.setattr(hosts, "KEEPALIVE", 1000 if asleep else 0.3)
    with database.locked(Progress("backup")) as locked:

        def free() -> bool:
            return server.ask("SELECT IS_USED_LOCK('congress-ha')") == "NULL\n"

        if asleep:
            wait_for("the lock is free", 20, free)
        else:
            time.sleep(6)
            assert server.ask("SELECT IS_USED_LOCK('congress-ha')").strip() == locked.lock
