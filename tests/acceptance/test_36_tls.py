"""HTTPS at the endpoint, as clients and scanners see it, and other certificates while clients are at work."""

from __future__ import annotations

import ssl
import urllib.error

import pytest

from tests import tls_scan
from tests.acceptance.deployment import Deployment, request
from tests.acceptance.traffic import Traffic

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


def shown(deployment: Deployment) -> str:
    host, port = deployment.endpoint.removeprefix("https://").split(":")
    return ssl.get_server_certificate((host, int(port)))


def test_another_certificate_fails_no_request_and_restarts_no_engine(
    deployment: Deployment, clients: Traffic
) -> None:
    before, pids = shown(deployment), deployment.engine_pids()
    (urn,) = [urn for urn in deployment.resources() if urn.endswith("::endpoint-certificate")]
    with clients.unnoticed():
        deployment.up_with("--replace", urn)
    assert shown(deployment) != before
    assert deployment.engine_pids() == pids
