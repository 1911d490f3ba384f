"""Congress's connection to a real MariaDB: with TLS to the intended server, or not at all."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from components.database import TIMEOUTS
from components.foundation.authority import CA_FILE
from components.foundation.template import render
from tests.congress_runtime.support.congress_python import ENVIRONMENT
from tests.congress_runtime.support.tls_server import OWN, TlsServer, connect
from tests.render.support.contexts.congress_host import CONGRESS
from tests.render.support.contexts.database import DATABASE
from tests.render.support.database_files import sql_of
from tests.support import mariadb
from tests.support.certificates import authority
from tests.support.programs import congress_python, run


class Server(TlsServer):
    """MariaDB with the template's configuration and accounts, in a folder and on a port of its own."""

    def reload(self) -> None:
        self.sql("FLUSH SSL;")

    def started(self) -> AbstractContextManager[None]:
        return mariadb.started(self.folder, f"--defaults-file={self.folder}/my.cnf", f"--port={self.port}")

    def write(self, *without: str) -> None:
        """The configuration, `without` some of its lines."""
        text = render("database/congress.cnf.j2", {**DATABASE, "address": OWN})
        text = text.replace("/etc/mysql/congress.pem", str(self.identity))
        for line in without:
            text, removed = re.subn(rf"^{line} .*\n?", "", text, flags=re.MULTILINE)
            assert removed, line
        self.folder.joinpath("my.cnf").write_text(f"{text}\n")

    def sql(self, text: str) -> None:
        done = run(*mariadb.client(self.folder), stdin=text)
        assert done.returncode == 0, done.stderr

    def connection(self, ca_file: Path) -> str:
        """[database] connection of congress.conf, to this server."""
        url = str(CONGRESS["connection"]).replace("@10.20.0.5/", f"@127.0.0.1:{self.port}/")
        return url.replace(CA_FILE, str(ca_file))

    def connect(self, ca_file: Path | None = None, *, more: str = "") -> str:
        """The result when a node of Congress uses this connection."""
        return connect("database", self.connection(ca_file or self.ca_file) + more)


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Server:
    """Installed, with the template's account for clients on this host, and not started."""
    server = Server(tmp_path_factory.mktemp("database"))
    mariadb.install(server.folder)
    server.write()
    with server.started():
        server.sql(sql_of(render("database/mariadb.sh.j2", {**DATABASE, "clients": "127.0.0.0/8"})))
    return server


def test_a_server_without_tls_is_refused_by_the_node(fresh: Server) -> None:
    """An attacker between the two would only have to remove TLS from the server's greeting."""
    fresh.write("ssl_cert", "ssl_key", "tls_version", "require_secure_transport")
    with fresh.started():
        answer = fresh.connect()
    fresh.write()
    assert answer == """(2026, "SSL is required but the server doesn't support it")"""


def test_a_server_that_never_answers_times_out(fresh: Server) -> None:
    with socket.create_server((OWN, 0)) as listener:
        url = fresh.connection(fresh.ca_file).replace(f":{fresh.port}/", f":{listener.getsockname()[1]}/")
        assert TIMEOUTS in url
        answer = connect("database", re.sub(r"timeout=[0-9]+", "timeout=1", url))
    assert answer == "(2013, 'Lost connection to MySQL server during query (timed out)')"


@pytest.fixture(scope="module")
def server(fresh: Server) -> Iterator[Server]:
    with fresh.started():
        yield fresh


def test_a_node_is_connected_by_tls_1_3(server: Server) -> None:
    assert server.connect() == "TLSv1.3"


def test_a_node_refuses_a_server_that_another_authority_signed(server: Server, tmp_path: Path) -> None:
    other = tmp_path / "ca.pem"
    other.write_text(authority().pem)
    assert "CERTIFICATE_VERIFY_FAILED" in server.connect(other)


def test_a_node_refuses_a_server_of_another_address(server: Server) -> None:
    with server.certified_for("127.0.0.2"):
        assert "certificate is not valid for '127.0.0.1'" in server.connect()
    # A new certificate is used without a restart.
    assert server.connect() == "TLSv1.3"


def test_a_client_without_tls_is_refused(server: Server) -> None:
    assert "Access denied" in server.connect(more="&ssl_disabled=true")


def test_the_step_logs_in_by_tls_to_the_server_that_it_configured(server: Server) -> None:
    context = {**DATABASE, "address": OWN, "ca_file": server.ca_file}
    script = render("database/mariadb.sh.j2", context)
    (check,) = re.findall(r"^logs_in\(\) \{.*?^\}$", script, re.DOTALL | re.MULTILINE)
    check = check.replace("host=%s", f"port={server.port}\\nhost=%s")

    def logs_in() -> tuple[int, str]:
        done = run("bash", "-c", f'{check}\nlogs_in || {{ echo "$answer"; false; }}')
        return done.returncode, done.stdout

    assert logs_in() == (0, "")
    with server.certified_for("127.0.0.2"):
        refused, answer = logs_in()
    assert refused
    assert "SSL" in answer


# A host's session, as the account sees and ends it from another host: before, at once, and after that.
OTHERS_SESSION = """
import sys, sqlalchemy
from congress_runtime.probes.isolated import in_database
from sqlalchemy.pool import NullPool
here, there = (
    sqlalchemy.create_engine(sys.argv[1], poolclass=NullPool, connect_args={"bind_address": address})
    for address in ("127.0.0.1", "127.0.0.2")
)
print(in_database(here, "127.0.0.2") or "none")
session = there.connect()
print(in_database(here, "127.0.0.2"))
print(in_database(here, "127.0.0.2") or "none")
try:
    session.execute(sqlalchemy.text("SELECT 1"))
except sqlalchemy.exc.OperationalError:
    print("ended")
"""


def test_a_host_s_sessions_are_ended_from_another_one_with_congress_s_account(server: Server) -> None:
    url = server.connection(server.ca_file)
    done = run(congress_python(), "-c", OTHERS_SESSION, url, env=ENVIRONMENT)
    assert done.stdout.splitlines() == [
        "none",
        "1 sessions of 127.0.0.2 in the database",
        "none",
        "ended",
    ], done.stderr


def test_the_schema_is_migrated_over_tls(server: Server, tmp_path: Path) -> None:
    configuration = tmp_path / "congress.conf"
    configuration.write_text(f"[database]\nconnection = {server.connection(server.ca_file)}\n")
    # congress-db-manage, with what congress_runtime.pth does on a host.
    manage = (
        "import congress_runtime.patches.removed_names; from congress.db.migration.cli import main; main()"
    )
    options = ["--config-file", str(configuration), "upgrade", "head"]
    done = run(congress_python(), "-c", manage, *options, env=ENVIRONMENT)
    assert done.returncode == 0, done.stderr
    server.sql("SELECT * FROM congress.policy_rules;")
