"""Congress's connections to a real RabbitMQ: with TLS to the intended server, or not at all."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from components.foundation.template import render
from tests.congress_runtime.support.tls_bus import RABBITMQ, Bus
from tests.congress_runtime.support.tls_server import OWN, connect
from tests.render.support.contexts.common import PASSWORD
from tests.render.support.contexts.messaging import MESSAGING
from tests.support.certificates import authority
from tests.support.programs import missing, run


@pytest.fixture(scope="module")
def bus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bus]:
    if not (RABBITMQ / "rabbitmq-server").exists():
        missing("rabbitmq-server is not installed; `make validators` installs it (as root, on Debian)")
    bus = Bus(tmp_path_factory.mktemp("bus"))
    with bus.served():
        yield bus


def test_a_node_is_connected_by_tls_1_3(bus: Bus) -> None:
    assert connect("bus", bus.configuration()) == "TLSv1.3"


def test_nodes_call_each_other_over_tls(bus: Bus) -> None:
    assert connect("call", bus.configuration()) == "[1, 2, 3, 1]"


def test_the_ping_probe_connects_by_tls(bus: Bus) -> None:
    assert "no answer within 2.0 s" in bus.pinged(bus.configuration())


def test_the_ping_probe_continues_with_the_next_host(bus: Bus) -> None:
    with socket.create_server((OWN, 0)) as silent:
        for first in (f"127.0.0.2:{bus.port}", f"{OWN}:{silent.getsockname()[1]}"):
            assert "no answer within 2.0 s" in bus.pinged(bus.with_first(first))
    refused = bus.with_first("127.0.0.2:1")
    refused.write_text(refused.read_text().replace(f"127.0.0.1:{bus.port}", "127.0.0.3:1"))
    answer = bus.pinged(refused)
    assert "no message bus at 127.0.0.2" in answer
    assert "no message bus at 127.0.0.3" in answer
    assert PASSWORD not in answer


def test_a_node_refuses_a_bus_that_another_authority_signed(bus: Bus, tmp_path: Path) -> None:
    other = tmp_path / "ca.pem"
    other.write_text(authority().pem)
    for answer in (connect("bus", bus.configuration(other)), bus.pinged(bus.configuration(other))):
        assert "CERTIFICATE_VERIFY_FAILED" in answer


def test_a_node_refuses_a_bus_of_another_address(bus: Bus) -> None:
    with bus.certified_for("127.0.0.2"):
        for answer in (
            connect("bus", bus.configuration()),
            connect("link", bus.configuration()),
            bus.pinged(bus.configuration()),
        ):
            assert "certificate is not valid for '127.0.0.1'" in answer
    # A new certificate is used without a restart.
    assert connect("bus", bus.configuration()) == "TLSv1.3"


def test_each_host_of_the_bus_is_verified_by_its_own_name(bus: Bus) -> None:
    configuration = bus.with_first(f"127.0.0.2:{bus.port}")  # nothing listens there
    assert "certificate is not valid for '127.0.0.2'" in connect("upstream-hosts", configuration)
    assert connect("hosts", configuration).startswith("127.0.0.1 ")
    with bus.certified_for("127.0.0.2"):
        assert "certificate is not valid for '127.0.0.1'" in connect("hosts", configuration)


def test_another_host_is_tried_within_two_seconds(bus: Bus) -> None:
    with socket.create_server((OWN, 0)) as silent:  # the kernel accepts; nobody answers
        configuration = bus.with_first(f"{OWN}:{silent.getsockname()[1]}")
        assert connect("upstream-hosts", configuration) == "127.0.0.1 10000 5"
        assert connect("hosts", configuration) == "127.0.0.1 3000 2.0"


def test_the_kernel_decides_when_a_host_of_the_bus_is_lost(bus: Bus) -> None:
    configuration = bus.configuration()
    assert connect("upstream-hosts", configuration) == "127.0.0.1 10000 5"
    assert connect("hosts", configuration) == "127.0.0.1 3000 5"


def test_after_a_lost_connection_another_host_is_tried_first() -> None:
    urls = "amqp://first//;amqp://second//"
    assert connect("upstream-lost", urls) == "['first']"
    assert connect("lost", urls) == "['second']"


def test_the_step_s_account_logs_in(bus: Bus, tmp_path: Path) -> None:
    account = tmp_path / "account.erl"
    for password in ("first", "second"):
        context = {**MESSAGING, "user": "another", "password": password}
        account.write_text(render("messaging/account.erl.j2", context))
        assert "{logs_in,true}" in bus.control("eval_file", str(account))
        bus.control("authenticate_user", "another", password)
    assert "guest" not in bus.control("list_users")


def test_a_client_without_tls_is_refused(bus: Bus) -> None:
    assert "Server unexpectedly closed connection" in connect("bus", bus.configuration(tls=False))


def test_the_step_checks_the_certificate_as_clients_do(bus: Bus) -> None:
    context = {**MESSAGING, "address": OWN, "port": bus.port, "ca_file": bus.ca_file}
    script = render("messaging/rabbitmq.sh.j2", context)
    (check,) = re.findall(r"^shows_itself\(\) \{.*?^\}$", script, re.DOTALL | re.MULTILINE)
    (output,) = re.findall(r'die "RabbitMQ at .*', script)

    def shows_itself() -> tuple[int, str]:
        done = run("bash", "-c", f'die() {{ echo "$*"; exit 1; }}\n{check}\nshows_itself || {output}')
        return done.returncode, done.stdout

    assert shows_itself() == (0, "")
    with bus.certified_for("127.0.0.2"):
        refused, answer = shows_itself()
    assert (refused, "IP address mismatch" in answer) == (1, True)
