"""New passwords of database and bus, new keys and certificates, while clients use the API without an error."""

from __future__ import annotations

import re
import shlex

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.acceptance.support.certificates import shown
from tests.acceptance.support.deployment import Deployment
from tests.acceptance.support.traffic import Traffic

pytestmark = [pytest.mark.full, pytest.mark.timeout(900)]

SECOND = ("rotation.database=2", "rotation.messaging=2", "rotation.certificates=2")
LOGIN = """
import sys, pymysql
host, user, password = sys.argv[1:]
try:
    pymysql.connect(host=host, user=user, password=password, database="congress").close()
    print("let in")
except pymysql.err.OperationalError as error:
    print(error.args[0])
"""
# MariaDB's errors for a user with a wrong password, and for an unknown user.
ACCESS_DENIED = {"1045", "1698"}


def database_login(deployment: Deployment, host: str) -> tuple[str, str]:
    """User and password of the database in the configuration of a Congress host."""
    line = deployment.on(host, "grep '^connection = ' /etc/congress/congress.conf")
    match = re.search(r"//([^:]+):([^@]+)@", line)
    assert match
    return match[1], match[2]


def tried(deployment: Deployment, host: str, login: tuple[str, str]) -> str:
    words = (deployment.outputs["hosts"]["database"]["address"], *login)
    return deployment.on(host, f"/opt/congress/bin/python -c {shlex.quote(LOGIN)} {shlex.join(words)}")


def users(deployment: Deployment) -> tuple[set[str], set[str], set[str]]:
    """Our users: those of the database, those of the bus, and those of the bus's connections."""
    ask = "SELECT User FROM mysql.user WHERE User LIKE 'congress%'"
    of_bus = "rabbitmqctl -q {} --no-table-headers | cut -f 1"
    commands = (
        ("database", f'mariadb -NBe "{ask}"'),
        ("messaging", of_bus.format("list_users")),
        ("messaging", of_bus.format("list_connections user")),
    )
    database, bus, connected = (set(deployment.on(host, text).split()) for host, text in commands)
    return database, bus, connected


def keys(deployment: Deployment) -> set[bytes]:
    """Public keys in the certificates of endpoint, database and bus."""
    return {
        x509.load_pem_x509_certificate(pem.encode())
        .public_key()
        .public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        for pem in shown(deployment).values()
    }


def test_a_new_generation_replaces_the_old_one_unnoticed_by_clients(
    deployment: Deployment, clients: Traffic
) -> None:
    host = deployment.engines[0]["host"]
    before, keys_before = database_login(deployment, host), keys(deployment)
    assert tried(deployment, host, before) == "let in"
    with clients.unnoticed():
        deployment.up(*SECOND)
    after = database_login(deployment, host)
    assert (before[0], after[0]) == ("congress", "congress-2")
    assert tried(deployment, host, after) == "let in"
    assert tried(deployment, host, before) in ACCESS_DENIED
    assert users(deployment) == ({"congress-2"}, {"congress-2"}, {"congress-2"})
    assert keys_before
    assert not keys(deployment) & keys_before


def test_what_was_edited_is_put_back(deployment: Deployment, clients: Traffic) -> None:
    """A decreased number also gives new passwords."""
    with clients.unnoticed():
        deployment.up()
    assert users(deployment) == ({"congress"}, {"congress"}, {"congress"})
