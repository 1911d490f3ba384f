"""A real MariaDB with the programs of its host: dump, load and lock."""

from __future__ import annotations

import subprocess
from pathlib import Path

from components.foundation.template import ROOT
from ops.ssh.commands import Hosts
from tests.support import mariadb
from tests.support.programs import private, run

PROGRAMS = ROOT / "files/database"
TABLES = r"""
DROP DATABASE IF EXISTS congress; CREATE DATABASE congress CHARACTER SET utf8mb3; USE congress;
CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY); INSERT INTO alembic_version VALUES ('c0125080d572');
CREATE TABLE datasources (id varchar(36) PRIMARY KEY, name varchar(255), config text);
INSERT INTO datasources VALUES ('1', 'näme', '{"a": "\\"\\n"}');
INSERT INTO datasources VALUES ('2', 'none', NULL);
CREATE TABLE rules (id int, datasource varchar(36), FOREIGN KEY (datasource) REFERENCES datasources (id));
INSERT INTO rules VALUES (1, '1');
"""
NAME, CONFIG = "näme".encode().hex().upper(), rb'{"a": "\"\n"}'.hex().upper()
LOADED = f"loaded 3 c0125080d572\ndatasource\t{NAME}\t{CONFIG}\n"
LOADED += f"datasource\t{b'none'.hex().upper()}\t{b'null'.hex().upper()}\n"
END = "-- Dump completed on 2026-11-28  7:00:00\n"


class Server:
    """MariaDB in a folder, with the programs of its host."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "etc").mkdir()
        (folder / "etc/my.cnf").write_text(f"[client-server]\nsocket = {folder}/socket\n")
        self.backups, self.run_folder = folder / "backups", folder / "run"
        self.backups.mkdir()
        self.run_folder.mkdir()

    def argv(self, *words: str | Path) -> tuple[str, ...]:
        own = {"/etc/mysql": self.folder / "etc", "/var/backups": self.backups, "/run": self.run_folder}
        return private(words, own)

    def run(self, name: str, *words: str, sql: str = "", lock: str = "") -> tuple[int, str, str]:
        """Exit code, standard output and errors of one of the programs."""
        done = run(
            *self.argv("env", f"CONGRESS_LOCK={lock}", PROGRAMS / f"congress-{name}", *words), stdin=sql
        )
        return done.returncode, done.stdout, done.stderr

    def ask(self, sql: str) -> str:
        done = run(*mariadb.client(self.folder, "--skip-column-names", "--batch"), stdin=sql)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def lock_holder(self, seconds: int) -> subprocess.Popen[str]:
        """A process that holds the lock until its standard input is closed."""
        hold = self.argv(PROGRAMS / "congress-lock", str(seconds), "bash", "-c", "echo $CONGRESS_LOCK; cat")
        return subprocess.Popen(hold, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


class OnTheServer(Hosts):
    """Every host is the one where MariaDB runs."""

    def __init__(self, server: Server) -> None:
        super().__init__(server.folder)
        self.server = server

    def _argv(self, host: str, command: str) -> list[str]:  # noqa: ARG002  as the real one
        return list(self.server.argv("bash", "-c", f"set -euo pipefail\n{command}"))
