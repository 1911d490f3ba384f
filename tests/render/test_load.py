"""Dump and load on a real MariaDB: what is restored, and what a tampered dump can reach."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest

from tests.render.support.database_server import END, LOADED, TABLES, Server
from tests.support import mariadb
from tests.support.programs import missing, program, run


def test_a_check_loads_a_dump_into_a_temporary_schema(server: Server, dump: str) -> None:
    before = server.ask("SHOW DATABASES; SELECT User, Host FROM mysql.user")
    server.ask("DROP TABLE congress.rules")
    assert server.run("load", "check", "1000", sql=dump) == (0, LOADED, "")
    assert server.ask("SHOW DATABASES; SELECT User, Host FROM mysql.user") == before
    assert server.ask("SHOW TABLES FROM congress").split() == ["alembic_version", "datasources"]


def test_a_dump_replaces_the_database(server: Server, dump: str) -> None:
    server.ask("DROP TABLE congress.rules; CREATE TABLE congress.other (x int)")
    assert server.run("load", "replace", sql=dump) == (0, "", "")
    assert server.ask("SHOW TABLES FROM congress").split() == ["alembic_version", "datasources", "rules"]
    assert (
        server.ask(
            "SELECT DEFAULT_CHARACTER_SET_NAME FROM information_schema.SCHEMATA"
            " WHERE SCHEMA_NAME = 'congress'"
        )
        == "utf8mb3\n"
    )
    server.ask("DROP DATABASE congress")
    assert server.run("load", "replace", sql=dump) == (0, "", "")
    assert server.ask("SELECT * FROM congress.rules") == "1\t1\n"


@pytest.mark.parametrize(
    "evil",
    [
        r"\! touch {folder}/reached",
        "system touch {folder}/reached",
        "source {folder}/sql",
        r"\. {folder}/sql",
        r"\P touch {folder}/reached",
        r"tee {folder}/reached",
        r"\e",
        "SELECT 'x' INTO OUTFILE '{folder}/data/reached';",
        "LOAD DATA INFILE '/etc/hostname' INTO TABLE rules;",
        "LOAD DATA LOCAL INFILE '/etc/hostname' INTO TABLE rules;",
        "CREATE USER evil;",
        "GRANT ALL ON *.* TO 'nobody'@'localhost';",
        "SET PASSWORD FOR root@localhost = PASSWORD('x');",
        "INSERT INTO mysql.global_priv VALUES ('localhost', 'evil', '{{}}');",
        "DROP DATABASE mysql;",
        "USE sys;",
        "CREATE DATABASE congressXcheck;",
        "SET GLOBAL general_log_file = '{folder}/reached';",
        "INSTALL SONAME 'auth_pam';",
        "CREATE DEFINER = root@localhost PROCEDURE p() SELECT 1;",
        "CREATE TRIGGER t BEFORE INSERT ON rules FOR EACH ROW SET @x = 1;",
        "CREATE DEFINER = root@localhost VIEW v AS SELECT * FROM mysql.global_priv;",
        "SHUTDOWN;",
    ],
)
def test_a_tampered_dump_reaches_nothing(server: Server, dump: str, evil: str) -> None:
    (server.folder / "sql").write_text("CREATE USER evil;")
    (server.folder / "sql").chmod(0o644)
    accounts = "SELECT * FROM mysql.global_priv ORDER BY User, Host"
    before = server.ask(f"SHOW DATABASES; {accounts}")
    text = f"{dump}{evil.format(folder=server.folder)}\n{END}"
    code, _, errors = server.run("load", "replace", sql=text)
    assert (code != 0, errors != "") == (True, True)
    assert server.ask(f"SHOW DATABASES; {accounts}") == before
    assert list(server.folder.rglob("reached")) == []


def test_a_check_cannot_reach_the_existing_database(server: Server, dump: str) -> None:
    for evil in ("USE congress", "DROP DATABASE congress", "DROP TABLE congress.rules"):
        code, _, errors = server.run("load", "check", "1000", sql=f"{dump}{evil};\n{END}")
        assert (code, "denied" in errors) == (1, True)
    assert server.ask("SELECT * FROM congress.rules") == "1\t1\n"


def test_a_truncated_dump_is_refused(server: Server, dump: str) -> None:
    """MariaDB itself accepts half of a dump as a whole one."""
    half = dump[: dump.index("-- Table structure for table `rules`")]
    code, _, errors = server.run("load", "check", "1000", sql=half)
    assert (code, errors) == (1, "the dump is not whole: its end is missing\n")


def test_a_check_without_enough_space_loads_nothing_and_says_so(server: Server, dump: str) -> None:
    code, printed, errors = server.run("load", "check", str(10**15), sql=dump)
    assert (code, errors) == (0, "")
    assert printed.startswith(f"unchecked {server.folder}/data/ on ")
    assert "MiB free" in printed


def test_a_full_disk_is_reported_and_the_previous_database_can_be_loaded() -> None:
    """Observed: MariaDB 10.11.19 died when its disk was full. When there is space, the saved dump can be loaded."""
    program("mariadb-dump")
    folder = Path(tempfile.mkdtemp(prefix="congress-ha-"))
    mount = ["mount", "-t", "tmpfs", "-o", "size=200M,mode=755", "tmpfs", str(folder)]
    if run(*mount).returncode:
        missing("this machine allows no mount")
    try:
        mariadb.install(folder)
        server, options = Server(folder), ("--no-defaults", "--skip-networking", "--innodb-log-file-size=16M")
        with mariadb.started(folder, *options):
            server.ask(TABLES)
            _, saved, _ = server.run("dump")
            free = shutil.disk_usage(folder).free
            head, _, tail = saved.partition("LOCK TABLES `rules`")
            rows = "INSERT INTO `big` VALUES (REPEAT('x', 200000));\n" * (free // 200_000 + 100)
            big = f"{head}CREATE TABLE `big` (x longtext);\n{rows}LOCK TABLES `rules`{tail}"
            code, printed, errors = server.run("load", "check", str(free), sql=big)
            assert (code, printed.split()[0], errors) == (0, "unchecked", "")
            code, _, errors = server.run("load", "replace", sql=big)
            assert (code, errors.splitlines()[-1].endswith("is full: make room there")) == (1, True)
        # It died, and systemd's MariaDB would not start either before there is space.
        assert run("mount", "-o", "remount,size=400M", folder).returncode == 0
        with mariadb.started(folder, *options):
            assert server.run("load", "replace", sql=saved) == (0, "", "")
            assert server.ask("SELECT * FROM congress.rules") == "1\t1\n"
            assert server.run("load", "check", "1000", sql=saved) == (0, LOADED, "")
    finally:
        run("umount", folder)
        folder.rmdir()
