"""Users of earlier generations: dropped, with their connections, in a real MariaDB; the one in use is left alone."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.render.support.cases import case
from tests.render.support.library import Library
from tests.support import mariadb
from tests.support.programs import run
from tests.support.waiting import wait_for

CREATED = """
CREATE DATABASE congress;
CREATE USER 'congress'@'localhost' IDENTIFIED BY 'old';
CREATE USER 'congress-2'@'localhost' IDENTIFIED BY 'new';
CREATE USER 'congress-x'@'localhost' IDENTIFIED BY 'other';
GRANT ALL ON congress.* TO 'congress'@'localhost';
GRANT ALL ON congress.* TO 'congress-2'@'localhost';
"""


class Database:
    """A MariaDB on a socket alone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def command(self, user: str, password: str = "") -> list[str]:
        login = (f"--user={user}", *((f"--password={password}",) if password else ()))
        return mariadb.client(self.folder, *login, "-NB")

    def ask(self, user: str, sql: str, password: str = "") -> subprocess.CompletedProcess[str]:
        return run(*self.command(user, password), "-e", sql)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    mariadb.install(tmp_path)
    with mariadb.started(tmp_path, "--no-defaults", "--skip-networking"):
        yield Database(tmp_path)


def drop_former_users(library: Library, role: str) -> subprocess.CompletedProcess[str]:
    return library.run(case(f"{role}/former_users.sh.j2").text)


def test_mariadb_lets_them_in_no_more_and_cuts_their_sessions(database: Database, tmp_path: Path) -> None:
    assert database.ask("root", CREATED).returncode == 0
    library = Library(tmp_path)
    library.fake("mariadb", f'{" ".join(database.command("root"))} "$@"')
    begun = "SELECT GET_LOCK('it', 0); SELECT SLEEP(60)"
    with subprocess.Popen(
        [*database.command("congress", "old"), "-e", begun], stderr=subprocess.PIPE, text=True
    ) as session:
        taken = "SELECT IS_USED_LOCK('it')"
        wait_for("the session has begun", 20, lambda: database.ask("root", taken).stdout.strip().isdigit())
        done = drop_former_users(library, "database")
        assert (done.returncode, done.stderr) == (0, "")
        assert session.wait(20) != 0
    assert "Access denied" in database.ask("congress", "SELECT 1", "old").stderr
    assert database.ask("congress-2", "SELECT 1", "new").returncode == 0
    assert database.ask("congress-x", "SELECT 1", "other").returncode == 0
    # Nobody is left to drop.
    assert drop_former_users(library, "database").returncode == 0


def test_a_database_that_does_not_answer_is_an_error(tmp_path: Path) -> None:
    library = Library(tmp_path)
    library.fake("mariadb", "exit 1")
    done = drop_former_users(library, "database")
    assert done.returncode == 1
    assert "could not be dropped" in done.stderr


def test_rabbitmq_deletes_the_others_of_ours(tmp_path: Path) -> None:
    library = Library(tmp_path)
    users = ("congress", "congress-2", "congress-3", "congress-x", "monitoring")
    library.fake("rabbitmqctl", f"[ $2 != list_users ] || printf '%s\\t[]\\n' {' '.join(users)}")
    assert drop_former_users(library, "messaging").returncode == 0
    assert [call for call in library.calls if "delete_user" in call] == [
        "rabbitmqctl -q delete_user congress",
        "rabbitmqctl -q delete_user congress-3",
    ]


def test_a_user_of_rabbitmq_that_stays_is_an_error(tmp_path: Path) -> None:
    library = Library(tmp_path)
    library.fake("rabbitmqctl", "[ $2 = list_users ] && echo congress")
    done = drop_former_users(library, "messaging")
    assert (done.returncode, done.stderr) == (1, "user congress of RabbitMQ could not be deleted\n")
