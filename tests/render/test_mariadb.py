"""MariaDB's file and the SQL of its accounts, each read by a real MariaDB."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from components.database import PRIVILEGES
from tests.render.support.cases import Case, Validator, case, cases
from tests.render.support.contexts.common import PASSWORD
from tests.render.support.contexts.database import DATABASE
from tests.render.support.database_files import mariadb, sql_of
from tests.support.mariadb import install, of_folder
from tests.support.programs import program, run


@pytest.mark.parametrize("case", cases(Validator.MARIADB), ids=str)
def test_mariadb_accepts_its_file(case: Case, tmp_path: Path) -> None:
    status, values, errors = mariadb(case.text, tmp_path)
    assert (status, errors) == (0, "")
    assert values["bind-address"] == DATABASE["address"]
    assert int(values["max-connections"]) == DATABASE["max_connections"]
    assert values["skip-name-resolve"] == "TRUE"
    # The locks of an engine whose host lost power are released within 10 s.
    idle, pause, probes = (int(values[f"tcp-keepalive-{name}"]) for name in ("time", "interval", "probes"))
    assert 0 < idle + pause * probes <= 10
    assert values["require-secure-transport"] == "TRUE"
    assert values["tls-version"] == "TLSv1.3"
    assert values["ssl-cert"] == values["ssl-key"] == "/etc/mysql/congress.pem"


def test_mariadb_refuses_what_is_wrong(tmp_path: Path) -> None:
    text = case("database/congress.cnf.j2").text
    status, _, errors = mariadb(text.replace("max_connections", "max_connection_count"), tmp_path)
    assert status != 0
    assert "max_connection_count" in errors


@pytest.fixture
def accounts(tmp_path: Path) -> Callable[[str], tuple[str, list[list[str]]]]:
    """Run SQL on a fresh installation; return errors, and the accounts' rights: user, host, login, privilege.

    A server with --bootstrap does not listen, and ends after its input, which has one statement per line. It has no
    accounts before FLUSH PRIVILEGES.
    """
    install(tmp_path)
    options = ["--no-defaults", *of_folder(tmp_path)]
    file = tmp_path / "accounts"
    ask = (
        "SELECT p.User, p.Host, "
        "IF(JSON_VALUE(p.Priv, '$.authentication_string') = PASSWORD('{0}'), 'logs in', 'is refused'), "
        "s.PRIVILEGE_TYPE, s.IS_GRANTABLE "
        "FROM mysql.global_priv p JOIN information_schema.SCHEMA_PRIVILEGES s "
        "ON s.GRANTEE = CONCAT(QUOTE(p.User), '@', QUOTE(p.Host)) AND s.TABLE_SCHEMA = 'congress' "
        "INTO OUTFILE '{1}' FIELDS TERMINATED BY '|';"
    )

    def execute(sql: str) -> tuple[str, list[list[str]]]:
        script = f"FLUSH PRIVILEGES;\n{sql}\nFLUSH PRIVILEGES;\n{ask.format(PASSWORD, file)}\n"
        checked = run(program("mariadbd"), *options, "--bootstrap", stdin=script)
        errors = "\n".join(line for line in checked.stderr.splitlines() if "ERROR" in line)
        return errors, [line.split("|") for line in file.read_text().splitlines()] if file.exists() else []

    return execute


def test_account_has_the_privileges_that_congress_needs_and_no_other(
    accounts: Callable[[str], tuple[str, list[list[str]]]],
) -> None:
    """The step runs at every change, so its SQL is run twice; between the runs, somebody granted too much."""
    sql = sql_of(case("database/mariadb.sh.j2").text)
    too_much = "GRANT EVENT ON congress.* TO 'congress'@'10.20.0.0/255.255.255.0' WITH GRANT OPTION;"
    errors, rows = accounts(f"{sql}\n{too_much}\n{sql}")
    assert errors == ""
    assert {tuple(row[:3]) for row in rows} == {("congress", "10.20.0.0/255.255.255.0", "logs in")}
    assert {row[3] for row in rows} == set(PRIVILEGES.split(", "))
    assert {row[4] for row in rows} == {"NO"}


def test_mariadb_refuses_sql_that_is_wrong(accounts: Callable[[str], tuple[str, list[list[str]]]]) -> None:
    sql = sql_of(case("database/mariadb.sh.j2").text)
    assert "ERROR" in accounts(sql.replace("LOCK TABLES", "TABLE LOCKS"))[0]
