import socket
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest

from tests.congress_runtime.conftest import Load

PASSWORD = "S3cret"


class AMQPError(Exception): ...


class NotFound(AMQPError): ...  # noqa: N818 - amqp's name


class InvalidTransportURL(Exception): ...  # noqa: N818 - oslo.messaging's name


@pytest.fixture
def bus(load: Load) -> Any:
    hosts = [
        SimpleNamespace(hostname=name, port=port, username="congress", password=PASSWORD)
        for name, port in (("mq1", 5671), ("mq2", None))
    ]
    messaging = MagicMock(InvalidTransportURL=InvalidTransportURL)
    messaging.TransportURL.parse.return_value = SimpleNamespace(
        transport="rabbit", hosts=hosts, virtual_host=None
    )
    kombu = MagicMock()
    kombu.Connection.side_effect = [MagicMock(name="mq1"), MagicMock(name="mq2")]
    return load(
        "bus",
        oslo_messaging=messaging,
        kombu=kombu,
        amqp_exceptions=SimpleNamespace(AMQPError=AMQPError, NotFound=NotFound),
    )


def conf(**rabbit: object) -> Any:
    values = {"ssl": False, "ssl_ca_file": "", "ssl_cert_file": "", "ssl_key_file": "", **rabbit}
    return SimpleNamespace(oslo_messaging_rabbit=SimpleNamespace(**values), dse=SimpleNamespace(bus_id="bus"))


def refuse(bus: Any, *errors: Exception | None) -> list[MagicMock]:
    links = [MagicMock(**{"connect.side_effect": error}) for error in errors]
    bus.kombu.Connection.side_effect = links
    return links


def test_connects_to_the_first_host_that_accepts(bus: Any) -> None:
    links = refuse(bus, OSError("refused"), None)
    with bus.connection(conf(), 5) as link:
        assert link is links[1]
    assert [call.kwargs["hostname"] for call in bus.kombu.Connection.call_args_list] == ["mq1", "mq2"]
    assert [call.kwargs["port"] for call in bus.kombu.Connection.call_args_list] == [5671, 5672]
    assert links[1].release.called


def test_error_names_each_host_s_answer_and_no_password(bus: Any) -> None:
    refuse(bus, OSError("refused"), AMQPError("ACCESS_REFUSED"))
    with pytest.raises(bus.BusError) as error, bus.connection(conf(), 5):
        pass
    text = "no message bus at mq1:5671 as congress: refused; mq2:5672 as congress: ACCESS_REFUSED"
    assert str(error.value) == text


@pytest.mark.parametrize("broken", [ValueError(PASSWORD), InvalidTransportURL(PASSWORD)])
def test_error_about_an_invalid_url_hides_the_password(bus: Any, broken: Exception) -> None:
    bus.oslo_messaging.TransportURL.parse.side_effect = broken
    with pytest.raises(bus.BusError, match="not of the form") as error:
        bus.transport_url(conf())
    assert PASSWORD not in str(error.value)


def test_other_transports_are_refused(bus: Any) -> None:
    bus.oslo_messaging.TransportURL.parse.return_value.transport = "kafka"
    with pytest.raises(bus.BusError, match="not of the form"):
        bus.transport_url(conf())


def test_a_queue_that_does_not_exist_has_no_consumers(bus: Any) -> None:
    channel = MagicMock()
    channel.queue_declare.return_value.consumer_count = 2
    assert bus.consumers(channel, "q") == 2
    channel.queue_declare.assert_called_with("q", passive=True)
    channel.queue_declare.side_effect = NotFound
    assert bus.consumers(channel, "q") == 0


def test_whether_all_hosts_of_the_bus_accept_connections(bus: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        up = SimpleNamespace(hostname="127.0.0.1", port=listener.getsockname()[1])
        url = bus.oslo_messaging.TransportURL.parse.return_value
        url.transport, url.hosts = "rabbit", [up, up]
        assert bus.are_all_up(conf())
    assert not bus.are_all_up(conf())


def test_queue_has_congress_s_name(bus: Any) -> None:
    assert bus.topic(conf(), bus.DATASOURCE_MANAGER) == "congress-service-_ds_manager-bus"


def test_verifies_the_name_of_the_bus_with_a_certificate_authority(bus: Any) -> None:
    assert bus.tls(conf(), "mq1") is False
    encrypted = bus.tls(conf(ssl=True, ssl_ca_file="/ca.pem"), "mq1")
    assert encrypted == {
        "server_hostname": "mq1",
        "ca_certs": "/ca.pem",
        "cert_reqs": bus.ssl.CERT_REQUIRED,
    }


class Link:
    """A connection on which what `happens` comes, one at each look; then nothing."""

    def __init__(self, *happens: str) -> None:
        self.connection, self.happens = self, list(happens)
        self.acks: set[Any] = set()
        self.published = 0

    def channel(self) -> Any:
        return SimpleNamespace(
            confirm_select=lambda: None, events={"basic_ack": self.acks}, basic_publish=self.publish
        )

    def publish(self, *_: object, **__: object) -> None:
        self.published += 1

    def drain_events(self, timeout: float) -> None:
        assert timeout == 3
        match self.happens.pop(0) if self.happens else "":
            case "blocked":
                self.on_blocked("low on memory")  # type: ignore[attr-defined]
            case "taken":
                for confirmed in self.acks:
                    confirmed(1, False)  # noqa: FBT003 - as amqp calls it
            case _:
                raise TimeoutError


def test_a_bus_that_confirms_a_publication_blocks_nobody(bus: Any) -> None:
    link = Link("taken")
    assert list(bus.blocked_reasons(link, 3)) == []
    assert link.published == 1


def test_yields_the_reason_until_a_blocked_publication_is_confirmed(bus: Any) -> None:
    link = Link("blocked", "", "", "taken")
    assert list(bus.blocked_reasons(link, 3)) == ["low on memory"] * 3
    assert link.published == 1


def test_a_bus_that_neither_blocks_nor_confirms_is_an_error(bus: Any) -> None:
    with pytest.raises(bus.BusError, match="confirms no publication"):
        list(bus.blocked_reasons(Link(), 3))
