from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from components.foundation.template import ROOT
from ops.data import database as congress_database
from ops.data.database import CongressDatabase
from tests.render.support.congress_conf import Read, Reader
from tests.render.support.database_server import TABLES, OnTheServer, Server
from tests.support import mariadb
from tests.support.programs import congress_python, program


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


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """Sends configuration files to congress_options.py, run by Congress's Python."""
    folder = tmp_path_factory.mktemp("congress")
    paths = {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    with (folder / "stderr").open("w") as stderr:
        validator = subprocess.Popen(
            [congress_python(), Path(__file__).parent / "support/congress_options.py"],
            env={**os.environ, **paths, "PYTHONWARNINGS": "ignore"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        )
    assert validator.stdin
    assert validator.stdout
    requests, answers = validator.stdin, validator.stdout

    def ask(*texts: str) -> Read:
        files = [folder / f"{number}.conf" for number in range(len(texts))]
        for file, text in zip(files, texts, strict=True):
            file.write_text(text)
        requests.write(json.dumps([str(file) for file in files]) + "\n")
        requests.flush()
        answer = answers.readline()
        assert answer, (folder / "stderr").read_text()
        return Read(**json.loads(answer))

    yield ask
    requests.close()
    assert validator.wait(timeout=20) == 0
    answers.close()
