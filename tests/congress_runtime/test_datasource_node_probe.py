import sys
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest

from tests.congress_runtime.conftest import Load


class BusError(Exception): ...


class MessagingTimeout(Exception): ...  # noqa: N818 - oslo.messaging's name


class CfgError(Exception): ...


@pytest.fixture
def probe(load: Load, monkeypatch: pytest.MonkeyPatch) -> Any:
    bus = MagicMock(BusError=BusError)
    bus.topic.return_value = "congress-service-_ds_manager-bus"
    bus.consumers.return_value = 1
    module = load(
        "probes.datasource_node",
        congress_runtime_bus=bus,
        oslo_messaging=SimpleNamespace(MessagingTimeout=MessagingTimeout),
        oslo_config=SimpleNamespace(cfg=SimpleNamespace(Error=CfgError, CONF=MagicMock(), ConfigOpts=object)),
    )
    monkeypatch.setattr(module, "PAUSE", 0.01)
    monkeypatch.setattr(module.patches, "apply", MagicMock())
    monkeypatch.setattr(sys, "argv", ["probe"])
    return module


def test_one_node_that_answers(probe: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert probe.main() == 0
    assert capsys.readouterr().out == "one datasource node serves the bus\n"
    assert probe.rpc_transport().cleanup.called
    probe.patches.apply.assert_called_once_with(probe.patches.BUS)  # it asks nobody but the bus itself


@pytest.mark.parametrize("number", [0, 2])
def test_no_node_or_two_nodes(probe: Any, number: int, capsys: pytest.CaptureFixture[str]) -> None:
    probe.consumers.return_value = number
    assert probe.main() == 1
    assert capsys.readouterr().out.startswith(f"{number} datasource nodes on the bus instead of one")
    assert not probe.ping.called


def test_while_a_broker_is_off_its_consumers_count_and_the_ping_decides(probe: Any) -> None:
    probe.consumers.return_value, probe.are_all_up.return_value = 2, False
    assert probe.main() == 0
    assert probe.ping.called
    probe.consumers.return_value = 0
    assert probe.main() == 1


def test_a_node_that_hangs(probe: Any, capsys: pytest.CaptureFixture[str]) -> None:
    probe.ping.side_effect = MessagingTimeout
    assert probe.main() == 1
    assert "hangs: no answer" in capsys.readouterr().out
    assert probe.rpc_transport().cleanup.called
    probe.patches.apply.assert_called_once_with(probe.patches.BUS)  # it asks nobody but the bus itself


def test_no_bus(probe: Any, capsys: pytest.CaptureFixture[str]) -> None:
    probe.connection.side_effect = BusError("no message bus at 10.0.0.1:5672 as congress: refused")
    assert probe.main() == 1
    assert capsys.readouterr().out == "no message bus at 10.0.0.1:5672 as congress: refused\n"


def test_no_configuration(probe: Any, capsys: pytest.CaptureFixture[str]) -> None:
    probe.config.init.side_effect = CfgError("not found")
    assert probe.main() == 1
    assert capsys.readouterr().out == "cannot read the configuration /etc/congress/congress.conf: not found\n"


def test_waits_for_the_node(probe: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["probe", "--wait", "20"])
    probe.consumers.side_effect = [0, 0, 1]
    assert probe.main() == 0
    assert probe.consumers.call_count == 3
