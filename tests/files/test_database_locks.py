"""The locks of an engine whose host lost power, in a real MariaDB with the template's configuration."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from pathlib import Path

from components.foundation.template import ROOT, render
from tests.render.support.contexts.database import DATABASE
from tests.support import mariadb
from tests.support.ports import free_port
from tests.support.programs import program, run
from tests.support.waiting import wait_for
from tests.support.wire import HERE, THERE, cut, inside, wire

# The engine that inserts a rule, as far as the database sees it: it locks, and asks nothing more.
LOCKS = "LOCK TABLES test.policies WRITE; SELECT 'locked'; SELECT SLEEP(0);\n"


def holders(folder: Path) -> str:
    """Connections of the engine's host that the server still keeps."""
    sql = "SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'engine'"
    done = run(*mariadb.client(folder, "--skip-column-names"), "-e", sql)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_locks_are_free_soon_after_a_host_is_lost(tmp_path: Path) -> None:
    text = render("database/congress.cnf.j2", {**DATABASE, "address": "0.0.0.0"})
    text = re.sub(r"^(ssl_|tls_|require_secure).*\n?", "", text, flags=re.MULTILINE)
    (tmp_path / "my.cnf").write_text(f"{text}\n")
    mariadb.install(tmp_path)
    port = free_port()
    options = (f"--defaults-file={tmp_path}/my.cnf", f"--port={port}")
    with wire() as namespace, mariadb.started(tmp_path, *options):
        made = "CREATE DATABASE test; CREATE TABLE test.policies (id INT);"
        made += f"CREATE USER engine@'{THERE}' IDENTIFIED BY 'x'; GRANT ALL ON test.* TO engine@'{THERE}';"
        assert run(*mariadb.client(tmp_path), stdin=made).returncode == 0
        client = inside(namespace, str(program("mariadb")), "--no-defaults", "--skip-ssl", "--unbuffered")
        client += [f"--host={HERE}", f"--port={port}", "--user=engine", "--password=x"]
        engine = subprocess.Popen(client, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            assert engine.stdin
            engine.stdin.write(LOCKS)
            engine.stdin.flush()
            wait_for("the engine locks", 20, lambda: holders(tmp_path) == "1" and is_locked(tmp_path))
            cut(namespace)
            # Seconds: 6 by the configuration, and 2 hours by the system's; a look may take one.
            wait_for("the locks are free", 15, lambda: not is_locked(tmp_path))
            assert holders(tmp_path) == "0"
        finally:
            engine.kill()
            engine.communicate()


# As MariaDB while it answers: sends until it fails, then says why.
SENDS = """
import socket
with socket.create_server(("198.18.0.2", 7777)) as server:
    print("listens", flush=True)
    peer, _ = server.accept()
    try:
        while True:
            peer.sendall(bytes(65536))
    except OSError as error:
        print(type(error).__name__, flush=True)
"""


def test_an_answer_under_way_to_a_host_that_died_ends_soon_after() -> None:
    """Keepalive counts only in silence. Here the database's host is the namespace, which has the file's settings."""
    settings = ROOT / "files/database/tcp.conf"
    with wire() as namespace:
        loads = inside(namespace, "sysctl", "--quiet", f"--load={settings}")
        assert run(*loads).returncode == 0
        sends = inside(namespace, sys.executable, "-c", SENDS)
        database = subprocess.Popen(sends, stdout=subprocess.PIPE, text=True)
        try:
            assert database.stdout
            assert database.stdout.readline() == "listens\n"
            with socket.create_connection((THERE, 7777), timeout=10) as engine:
                engine.recv(1024)
                cut(namespace)
                # Seconds: 6 by the file, 15 minutes by the system's.
                output, _ = database.communicate(timeout=60)
            assert output == "TimeoutError\n"
        finally:
            database.kill()
            database.wait()


def is_locked(folder: Path) -> bool:
    done = run(*mariadb.client(folder), "-e", "SET lock_wait_timeout = 1; SELECT * FROM test.policies")
    assert done.returncode == 0 or "Lock wait timeout" in done.stderr, done.stderr
    return done.returncode != 0
