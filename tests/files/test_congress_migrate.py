"""The migration of the schema, by the real Congress on a real MariaDB: nobody dumps or loads meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from components.foundation.template import ROOT
from tests.support import mariadb
from tests.support.programs import congress_python, run

MIGRATE = ROOT / "files/database/congress_migrate.py"
REENCRYPT = ROOT / "ops/remote/reencrypt.py"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    congress_python()
    made = tmp_path_factory.mktemp("migrate")
    mariadb.install(made)
    connection = f"mysql+pymysql://root@localhost/congress?unix_socket={made}/socket"
    (made / "congress.conf").write_text(f"[database]\nconnection = {connection}\n")
    with mariadb.started(made, "--no-defaults", "--skip-networking"):
        yield made


def ask(folder: Path, sql: str) -> str:
    return run(*mariadb.client(folder, "--skip-column-names", "--batch"), stdin=sql).stdout


def migrate(folder: Path, lock: str = "", seconds: int = 1) -> tuple[int, str]:
    text = MIGRATE.read_text().replace("LOCK_TIMEOUT = 45", f"LOCK_TIMEOUT = {seconds}")
    done = run(congress_python(), "-", folder / "congress.conf", stdin=text, env={"CONGRESS_LOCK": lock})
    return done.returncode, done.stderr


def reencrypt(folder: Path, keys: Path, lock: str) -> tuple[int, str]:
    (keys / "aes_key").write_bytes(Fernet.generate_key())
    configuration = keys / "congress.conf"
    text = (folder / "congress.conf").read_text()
    configuration.write_text(f"[DEFAULT]\nencryption_key_path = {keys}\n{text}")
    call = f"{REENCRYPT.read_text()}\nreencrypt(None, {str(configuration)!r})\n"
    done = run(congress_python(), "-W", "ignore", "-", stdin=call, env={"CONGRESS_LOCK": lock})
    return done.returncode, done.stderr


def test_migration_waits_for_the_lock_or_uses_a_given_one(folder: Path) -> None:
    ask(folder, "DROP DATABASE IF EXISTS congress; CREATE DATABASE congress CHARACTER SET utf8mb3")
    with mariadb.session(folder) as other:
        holder = other("SELECT GET_LOCK('congress-ha', 0), CONNECTION_ID()").split()[1]
        code, output = migrate(folder)
        way_out = f"on the database's host, sudo mariadb -e 'KILL {holder}'"
        busy = f"a backup or a restore works on the database (connection {holder}), still after 1 s"
        assert (code, output) == (
            1,
            f"{busy}: try again when it is done; if it does not run any more: {way_out}\n",
        )
        assert ask(folder, "SHOW TABLES FROM congress") == ""
        code, output = migrate(folder, lock=holder)
        assert code == 0, output
        assert "alembic_version" in ask(folder, "SHOW TABLES FROM congress")


@pytest.mark.parametrize("taken", [True, False])
def test_nothing_is_migrated_or_encrypted_after_the_lock_is_lost(
    folder: Path, tmp_path: Path, *, taken: bool
) -> None:
    ask(folder, "DROP DATABASE IF EXISTS congress; CREATE DATABASE congress CHARACTER SET utf8mb3")
    with mariadb.session(folder) as other:
        if taken:
            other("SELECT GET_LOCK('congress-ha', 0)")
        lost = "the lock on the database was lost, so its"
        assert migrate(folder, lock="4711") == (1, f"{lost} schema is not migrated\n")
        assert ask(folder, "SHOW TABLES FROM congress") == ""
        assert reencrypt(folder, tmp_path, "4711") == (1, f"{lost} secrets stay as they are\n")
    assert migrate(folder)[0] == 0
    with mariadb.session(folder) as other:
        holder = other("SELECT GET_LOCK('congress-ha', 0), CONNECTION_ID()").split()[1]
        assert reencrypt(folder, tmp_path, holder) == (0, "")


def test_migration_holds_the_lock(folder: Path, tmp_path: Path) -> None:
    ask(folder, "DROP DATABASE IF EXISTS congress; CREATE DATABASE congress CHARACTER SET utf8mb3")
    # The log of the server tells what came in which order.
    log = tmp_path / "log"
    ask(folder, f"SET GLOBAL general_log_file = '{log}'; SET GLOBAL general_log = ON")
    code, output = migrate(folder)
    ask(folder, "SET GLOBAL general_log = OFF")
    assert code == 0, output
    lines = log.read_text().splitlines()
    (locks,) = [n for n, line in enumerate(lines) if "GET_LOCK('congress-ha'" in line]
    connection = lines[locks].split("\t")[-2].split()[0]
    ends = [
        n for n, line in enumerate(lines) if "Quit" in line and line.split("\t")[-2].split()[0] == connection
    ]
    changes = [n for n, line in enumerate(lines) if "CREATE TABLE" in line]
    assert changes
    assert locks < min(changes)
    assert not ends or ends[0] > max(changes)


def test_an_unknown_revision_is_reported(folder: Path) -> None:
    ask(folder, "USE congress; UPDATE alembic_version SET version_num = 'f00d'")
    code, output = migrate(folder)
    assert code != 0
    assert "Can't locate revision" in output
