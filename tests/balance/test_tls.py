"""HTTPS at the endpoint: its protocols, and a change of its certificate that no client notices."""

from __future__ import annotations

import http.client
import re
import ssl
import subprocess
import urllib.error
import urllib.request

import pytest

from components.foundation.template import render
from tests.balance.conftest import Client
from tests.balance.support.haproxy import Balanced, Counting
from tests.render.support.cases import case
from tests.support import tls_scan
from tests.support.certificates import authority
from tests.support.waiting import wait_for


def test_a_renewed_certificate_reaches_clients_and_fails_no_request(
    behind: Balanced[Counting], client: Client
) -> None:
    before = behind.shown()
    assert before in behind.identity.read_text()
    behind.renew()
    assert behind.shown() == before
    behind.reload()
    wait_for("the new certificate is shown", 15, lambda: behind.shown() in behind.identity.read_text())
    seen = len(client.answers)
    wait_for("the client goes on", 15, lambda: len(client.answers) > seen + 20)


def gate(behind: Balanced[Counting], reached_at: str) -> subprocess.CompletedProcess[str]:
    """The check with which the step ends, on this HAProxy."""
    context = {**case("load_balancer/haproxy.sh.j2").context, "reached_at": reached_at}
    script = render("load_balancer/haproxy.sh.j2", {**context, "address": "127.0.0.1", "port": behind.port})
    (question,) = re.findall(r"^answers\(\) \{.*?^\}$", script, re.DOTALL | re.MULTILINE)
    question = question.replace("/etc/haproxy/endpoint.pem", str(behind.identity))
    return subprocess.run(
        ["bash", "-c", f'{question}\nanswers || {{ echo "$out"; false; }}'],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_the_step_s_gate_takes_its_own_certificate_at_its_own_name_alone(behind: Balanced[Counting]) -> None:
    assert gate(behind, "127.0.0.1").returncode == 0
    other = gate(behind, "127.0.0.2")
    assert (other.returncode, "127.0.0.2" in other.stdout) == (1, True)
    behind.renew()
    before_the_reload = gate(behind, "127.0.0.1")
    assert (before_the_reload.returncode, "certificate" in before_the_reload.stdout) == (1, True)


def test_plain_text_is_not_answered(behind: Balanced[Counting]) -> None:
    with pytest.raises((OSError, http.client.HTTPException)):
        urllib.request.urlopen(f"http://127.0.0.1:{behind.port}/", timeout=5)


def test_another_authority_s_clients_refuse_it(behind: Balanced[Counting]) -> None:
    other = ssl.create_default_context(cadata=authority().pem)
    with pytest.raises(urllib.error.URLError, match="CERTIFICATE_VERIFY_FAILED"):
        urllib.request.urlopen(f"https://127.0.0.1:{behind.port}/", timeout=5, context=other)


def test_engines_are_told_that_clients_come_by_https_and_nothing_that_clients_say_of_it(
    behind: Balanced[Counting],
) -> None:
    sent = {"Forwarded": "proto=http;host=evil", "X-Forwarded-Proto": "http", "X-Forwarded-Host": "evil"}
    asked = urllib.request.Request(f"https://127.0.0.1:{behind.port}/", headers=sent)
    urllib.request.urlopen(asked, timeout=5, context=behind.tls).close()  # noqa: S310
    (forwarded_headers,) = [engine.forwarded for engine in behind.engines if engine.forwarded]
    assert forwarded_headers == {"x-forwarded-proto": "https"}


def test_a_scanner_finds_nothing_old(behind: Balanced[Counting]) -> None:
    assert tls_scan.protocols(f"127.0.0.1:{behind.port}") == {"TLSv1.2", "TLSv1.3"}
