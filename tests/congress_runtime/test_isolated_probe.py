"""The probe that sees whether an isolated host is still connected; test_tls_database.py has its part with a MariaDB."""

import itertools
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest

from tests.congress_runtime.conftest import Load


class BusError(Exception): ...


class SQLAlchemyError(Exception): ...


class CfgError(Exception): ...


class AMQPError(Exception): ...


class NotFoundError(AMQPError): ...


@pytest.fixture
def probe(load: Load, monkeypatch: pytest.MonkeyPatch) -> Any:
    bus = MagicMock(BusError=BusError)
    bus.consumers.return_value, bus.are_all_up.return_value, bus.CONNECT = 0, True, 2.0
    database = MagicMock()
    module = load(
        "probes.isolated",
        congress_runtime_bus=bus,
        sqlalchemy=database,
        amqp_exceptions=SimpleNamespace(AMQPError=AMQPError, NotFound=NotFoundError),
        sqlalchemy_exc=SimpleNamespace(SQLAlchemyError=SQLAlchemyError),
        oslo_config=SimpleNamespace(cfg=SimpleNamespace(Error=CfgError, CONF=MagicMock(), ConfigOpts=object)),
    )
    monkeypatch.setattr(module.patches, "apply", MagicMock())
    monkeypatch.setattr(module, "ask", MagicMock(side_effect=TimeoutError))
    sessions(module, [])
    clock = itertools.count(0, 1)
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: next(clock), sleep=lambda _: None))
    return module


def sessions(probe: Any, *turns: list[int]) -> None:
    """The ids of the host's sessions at each query. The last value is repeated."""
    link = probe.sqlalchemy.create_engine().connect().__enter__()
    link.execute.return_value.scalars.side_effect = itertools.chain(turns, itertools.repeat(turns[-1]))


def test_a_host_that_nobody_sees_is_isolated(probe: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert probe.main("file", "10.0.0.2", 0, 60) == 0
    assert capsys.readouterr().out == "nothing of 10.0.0.2 on bus and database\n"


@pytest.mark.parametrize(("count", "nodes", "code"), [(1, 0, 1), (1, 1, 0), (2, 1, 1)])
def test_a_node_that_is_not_here_is_seen_on_the_bus(probe: Any, count: int, nodes: int, code: int) -> None:
    probe.consumers.return_value = count
    assert probe.main("file", "10.0.0.2", nodes, 30) == code


def test_a_node_that_answers_is_seen_although_rabbitmq_counts_none(
    probe: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    probe.ask.side_effect = None
    assert probe.main("file", "10.0.0.2", 0, 30) == 1
    assert capsys.readouterr().out == "a datasource node answers on the bus\n"
    # The one that runs here does.
    assert probe.main("file", "10.0.0.2", 1, 30) == 0


@pytest.mark.parametrize("nodes", [0, 1])
def test_while_a_broker_is_off_its_consumers_count_and_silence_is_the_proof(probe: Any, nodes: int) -> None:
    probe.consumers.return_value, probe.are_all_up.return_value = nodes + 1, False
    assert probe.main("file", "10.0.0.2", nodes, probe.QUIET + 5) == 1
    assert probe.main("file", "10.0.0.2", nodes, 2 * probe.SILENT) == 0


def test_a_bus_that_breaks_off_is_no_proof(probe: Any, capsys: pytest.CaptureFixture[str]) -> None:
    probe.consumers.side_effect = AMQPError("the broker ended")
    assert probe.main("file", "10.0.0.2", 0, 30) == 1
    assert capsys.readouterr().out == "the broker ended\n"


def test_a_bus_that_nobody_has_used_is_quiet(probe: Any) -> None:
    probe.ask.side_effect = NotFoundError("no exchange")
    assert probe.main("file", "10.0.0.2", 0, 60) == 0


def test_sessions_are_ended_and_one_that_comes_back_is_no_isolation(
    probe: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    sessions(probe, [7, 8], [])
    assert probe.main("file", "10.0.0.2", 0, 60) == 0
    killed = [call.args[0] for call in probe.sqlalchemy.text.call_args_list]
    assert killed[-2:] == ["KILL 7", "KILL 8"]
    capsys.readouterr()
    # It connects again each few seconds.
    sessions(probe, *([[], [], [9]] * 40))
    assert probe.main("file", "10.0.0.2", 0, 60) == 1
    assert "10.0.0.2" in capsys.readouterr().out


@pytest.mark.parametrize("broken", ["bus", "database"])
def test_what_cannot_be_asked_is_no_proof(
    probe: Any, broken: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if broken == "bus":
        probe.connection.side_effect = BusError("no message bus at 10.0.0.6")
    else:
        probe.sqlalchemy.create_engine().connect.side_effect = SQLAlchemyError("Can't connect\nto it")
    assert probe.main("file", "10.0.0.2", 0, 30) == 1
    assert capsys.readouterr().out in {"no message bus at 10.0.0.6\n", "the database: Can't connect\n"}


def test_no_configuration(probe: Any, capsys: pytest.CaptureFixture[str]) -> None:
    probe.config.init.side_effect = CfgError("not found")
    assert probe.main("file", "10.0.0.2", 0, 30) == 1
    assert capsys.readouterr().out == "cannot read the configuration file: not found\n"
