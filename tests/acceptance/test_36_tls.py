"""TLS at endpoint, database and bus, from clients and a scanner; certificates change while clients are active."""

from __future__ import annotations

import ssl
import urllib.error

import pytest

from tests.acceptance.support.certificates import shown
from tests.acceptance.support.deployment import Deployment, request
from tests.acceptance.support.traffic import Traffic
from tests.support import tls_scan

# Runs on a Congress host, with the right passwords but without TLS. Prints a line for each server that refuses.
PLAIN = """
import configparser
from urllib.parse import urlsplit
import amqp, pymysql
config = configparser.ConfigParser(strict=False, interpolation=None)
config.read("/etc/congress/congress.conf")
database, bus = urlsplit(config["database"]["connection"]), urlsplit(config["DEFAULT"]["transport_url"])
try:
    pymysql.connect(host=database.hostname, user=database.username, password=database.password, ssl_disabled=True)
except pymysql.MySQLError as error:
    print(error)
try:
    amqp.Connection(f"{bus.hostname}:{bus.port}", bus.username, bus.password, connect_timeout=5).connect()
except (OSError, amqp.AMQPError) as error:
    print(error)
"""

pytestmark = pytest.mark.timeout(600)


def test_a_scanner_finds_nothing_old(deployment: Deployment) -> None:
    server = deployment.endpoint.removeprefix("https://")
    assert tls_scan.protocols(server) == {"TLSv1.2", "TLSv1.3"}


def test_who_does_not_know_the_stack_s_authority_refuses_the_endpoint(deployment: Deployment) -> None:
    with pytest.raises(urllib.error.URLError, match="CERTIFICATE_VERIFY_FAILED"):
        request("GET", f"{deployment.endpoint}/health", tls=ssl.create_default_context())


def test_links_begin_with_https(deployment: Deployment) -> None:
    (version,) = deployment.api("GET", "/").body["versions"]
    assert version["links"][0]["href"].startswith(f"{deployment.endpoint}/")


def certificates(deployment: Deployment) -> dict[str, tuple[str, str]]:
    """Name -> URN and PEM text, as the state has them."""
    signed = "tls:index/locallySignedCert:LocallySignedCert"
    return {
        urn.rsplit("::", 1)[1].removesuffix("-certificate"): (urn, resource["outputs"]["certPem"])
        for urn, resource in deployment.resources().items()
        if resource["type"] == signed
    }


def test_other_certificates_fail_no_request_and_restart_nothing(
    deployment: Deployment, clients: Traffic
) -> None:
    before, pids = certificates(deployment), deployment.engine_pids()
    assert shown(deployment) == {name: pem for name, (_, pem) in before.items()}
    with clients.unnoticed():
        deployment.up_with(*(word for urn, _ in before.values() for word in ("--replace", urn)))
    after = certificates(deployment)
    assert not {pem for _, pem in before.values()} & {pem for _, pem in after.values()}
    assert shown(deployment) == {name: pem for name, (_, pem) in after.items()}
    assert deployment.engine_pids() == pids
    deployment.well(30)


def test_database_and_bus_take_nothing_in_plain_text(deployment: Deployment) -> None:
    engine = deployment.engines[0]["host"]
    refused = deployment.on(engine, f"/opt/congress/bin/python - <<'END'\n{PLAIN}\nEND").splitlines()
    assert len(refused) == 2, refused
    assert "Access denied" in refused[0] or "insecure transport" in refused[0], refused
    assert "closed connection" in refused[1] or "reset" in refused[1], refused
