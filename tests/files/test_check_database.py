"""The trial of an external database, against a real MariaDB, with Congress's own Python."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from components.database import PRIVILEGES
from components.foundation.template import ROOT
from tests.support import mariadb
from tests.support.certificates import authority
from tests.support.ports import free_port
from tests.support.programs import congress_python, run

CHECK = ROOT / "files/database/check_database.py"
PASSWORD = "CANARY: @/%'\"\\"
SETUP = f"""
CREATE DATABASE congress CHARACTER SET utf8mb3; CREATE DATABASE other;
CREATE USER congress@'%' IDENTIFIED BY '{PASSWORD.translate({39: "''", 92: chr(92) * 2})}' REQUIRE SSL;
GRANT {PRIVILEGES} ON congress.* TO congress@'%'; GRANT {PRIVILEGES} ON other.* TO congress@'%';
"""
# Two sessions that do not know each other's locks, as of two servers behind one address.
APART = """
import json, sys
import check_database
request = json.load(sys.stdin)
with check_database.session(request) as first, check_database.session({**request, "name": "other"}) as second:
    check_database.grants(first)
    second.execute(check_database.GRANTS["CREATE"])
    try:
        check_database.locks(first, second)
    except check_database.UnfitError as error:
        print(error)
    finally:
        check_database.remove(first)
        check_database.remove(second)
"""


class Server:
    def __init__(self, folder: Path, request: dict[str, Any]) -> None:
        self.folder, self.request = folder, request

    def sql(self, text: str) -> str:
        done = run(*mariadb.client(self.folder, "--batch", "--skip-column-names"), stdin=text)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def trial(self, **changes: Any) -> str:
        """What it says, "" if the database is fit."""
        done = run(congress_python(), CHECK, stdin=json.dumps({**self.request, **changes}))
        assert (done.returncode == 0) == (done.stderr == ""), done.stderr
        assert PASSWORD not in done.stderr + done.stdout
        assert len(done.stderr.splitlines()) <= 1
        assert not self.sql("SHOW TABLES IN congress LIKE 'congress_ha%'")
        return done.stderr.strip()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("mariadb")
    signer = authority()
    own = signer.sign("a database", names=["localhost"])
    for name, text in {"ca": signer.pem, "own": own.pem + own.key, "another": authority().pem}.items():
        (folder / f"{name}.pem").write_text(text)
    mariadb.install(folder)
    port = free_port()
    tls = (f"--ssl-cert={folder}/own.pem", f"--ssl-key={folder}/own.pem")
    with mariadb.started(folder, "--no-defaults", "--bind-address=127.0.0.1", f"--port={port}", *tls):
        request = {
            "host": "localhost",
            "port": port,
            "name": "congress",
            "user": "congress",
            "password": PASSWORD,
            "ca": f"{folder}/ca.pem",
            "connections": 128,
            "is_filled": False,
        }
        started = Server(folder, request)
        started.sql(SETUP)
        yield started


def test_a_fit_database_is_accepted_and_keeps_nothing_of_the_trial(server: Server) -> None:
    assert server.trial() == ""


def test_its_certificate_must_be_one_for_its_name_by_its_authority(server: Server) -> None:
    for words in ({"host": "127.0.0.1"}, {"ca": f"{server.folder}/another.pem"}):
        assert "its certificate is not one for" in server.trial(**words)


def test_a_wrong_login_and_a_wrong_port_are_told_apart(server: Server) -> None:
    assert "it refuses the login (Access denied" in server.trial(password="wrong")
    assert "it refuses the login" in server.trial(name="missing")
    assert "no connection" in server.trial(port=free_port())


def test_a_replica_is_refused(server: Server) -> None:
    server.sql("SET GLOBAL read_only = 1")
    try:
        assert "it accepts no writes (read_only=ON)" in server.trial()
    finally:
        server.sql("SET GLOBAL read_only = 0")


def test_too_few_connections_are_refused(server: Server) -> None:
    assert "max_connections is 151, and Congress's nodes may open 160 connections" in server.trial(
        connections=160
    )


# MariaDB does not enforce REFERENCES, as MySQL does. Without DROP, the trial's tables would stay.
NAMED = [one for one in PRIVILEGES.split(", ") if one not in {"REFERENCES", "DROP"}]


@pytest.mark.parametrize("privilege", NAMED)
def test_a_missing_privilege_is_named(server: Server, privilege: str) -> None:
    server.sql(f"REVOKE {privilege} ON congress.* FROM congress@'%'")
    try:
        assert f"needs the privilege {privilege} (" in server.trial()
    finally:
        server.sql(f"GRANT {privilege} ON congress.* TO congress@'%'")


def test_tables_of_another_program_are_refused_and_congress_s_own_are_not(server: Server) -> None:
    server.sql("CREATE TABLE congress.users (id INT)")
    try:
        assert "it has tables of another program (users)" in server.trial()
        server.sql("CREATE TABLE congress.alembic_version (version_num VARCHAR(32))")
        assert server.trial(is_filled=True) == ""
    finally:
        server.sql("DROP TABLE IF EXISTS congress.users, congress.alembic_version")


def test_an_empty_database_does_not_replace_one_with_data(server: Server) -> None:
    assert "it is empty, and the stack's own database" in server.trial(is_filled=True)


def test_locks_that_do_not_lock_out_are_noticed(server: Server) -> None:
    done = run(
        congress_python(),
        "-c",
        APART,
        stdin=json.dumps(server.request),
        env={"PYTHONPATH": str(CHECK.parent)},
    )
    assert "LOCK TABLES does not lock out a second session" in done.stdout, done.stderr


def test_galera_is_refused_by_name() -> None:
    """Its variable alone: a real one takes a library that is not installed here."""
    text = (
        "import check_database as c\n"
        "class Cursor:\n"
        "    def execute(self, sql, words): self.row = ('wsrep_on', 'ON')\n"
        "    def fetchone(self): return self.row\n"
        "try: c.one_writable_server(Cursor())\n"
        "except c.UnfitError as error: print(error)\n"
    )
    done = run(congress_python(), "-c", text, env={"PYTHONPATH": str(CHECK.parent)})
    assert done.stdout.startswith("it is a Galera cluster (wsrep_on=ON)"), done.stderr
