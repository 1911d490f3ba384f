from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.data import database as congress_database
from ops.data.database import CongressDatabase
from tests.render.support.database_server import TABLES, OnTheServer, Server
from tests.support import mariadb
from tests.support.programs import program


@pytest.fixture(scope="module")
def started() -> Iterator[Server]:
    program("mariadb-dump")
    # A load runs as nobody, who must reach the socket; pytest's own folder is closed to other users.
    folder = Path(tempfile.mkdtemp(prefix="congress-ha-"))
    try:
        folder.chmod(0o755)
        mariadb.install(folder)
        with mariadb.started(folder, "--no-defaults", "--skip-networking"):
            yield Server(folder)
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def server(started: Server) -> Server:
    started.ask(TABLES)
    return started


@pytest.fixture
def dump(server: Server) -> str:
    code, sql, errors = server.run("dump")
    assert (code, errors) == (0, "")
    return sql


@pytest.fixture
def database(server: Server, monkeypatch: pytest.MonkeyPatch) -> CongressDatabase:
    """On a host that has none of our programs yet, like one of an older `up`."""
    monkeypatch.setattr(congress_database, "LOCK_TIMEOUT", 1)
    congress = CongressDatabase(OnTheServer(server), "database", "database")
    congress.install_programs()
    return congress
