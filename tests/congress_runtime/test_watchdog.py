import contextlib
import os
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest

from components.foundation.template import ROOT
from tests.congress_runtime.conftest import Load


class Enough(Exception):  # noqa: N818 - nothing is wrong
    """Raised by the stand-in for sleep or exit to get out of an endless loop."""


class Eventlet(MagicMock):
    class Timeout(BaseException): ...


@pytest.fixture
def watchdog(load: Load, monkeypatch: pytest.MonkeyPatch) -> Any:
    module = load("watchdog", eventlet=Eventlet(), eventlet_patcher=MagicMock())
    module.patcher.original.return_value = os
    monkeypatch.setattr(module, "end_node", MagicMock(side_effect=Enough))
    return module


def stop_after_sleeps(watchdog: Any, number: int) -> None:
    watchdog.eventlet.sleep.side_effect = [None] * number + [Enough]


def probe(*results: BaseException | None) -> Callable[[], None]:
    return MagicMock(side_effect=results)


def run_heartbeats(watchdog: Any, *checks: Any, seconds: int) -> str:
    """Let `seconds` pass for the checks; the reason why the node ended, "" if it did not."""
    guard_end, pipe = os.pipe()
    stop_after_sleeps(watchdog, seconds)
    with pytest.raises(Enough):
        watchdog.send_heartbeats(pipe, checks)
    assert set(os.read(guard_end, 1000)) <= set(b".+!")
    os.close(guard_end)
    os.close(pipe)
    return watchdog.end_node.call_args.args[0] if watchdog.end_node.called else ""


def test_ends_the_node_after_the_deadline_with_the_reason(watchdog: Any) -> None:
    check = watchdog.Check(
        "the database", probe(), limit=30, first_limit=150, worked=True, problem="(1045) Access denied"
    )
    assert run_heartbeats(watchdog, check, seconds=29) == ""
    assert (
        run_heartbeats(watchdog, check, seconds=29) == "without the database for 31 s: (1045) Access denied"
    )


def test_a_success_restarts_the_deadline(watchdog: Any) -> None:
    check = watchdog.Check(
        "the database", probe(ValueError("away"), None), limit=30, first_limit=30, silence=29
    )
    stop_after_sleeps(watchdog, 1)
    with pytest.raises(Enough):
        check.run()
    assert check.silence == 0
    assert check.problem == "ValueError: away"


def test_checks_continue_after_any_error(watchdog: Any) -> None:
    failures = (Eventlet.Timeout("5 seconds"), KeyError("x"), OSError("two\nlines"))
    check = watchdog.Check("the bus", probe(*failures), limit=30, first_limit=30, silence=7)
    stop_after_sleeps(watchdog, 2)
    with pytest.raises(Enough):
        check.run()
    assert check.silence == 7
    assert check.problem == "OSError: two"


def test_a_check_for_the_start_ends_with_its_success(watchdog: Any) -> None:
    check = watchdog.Check("the database", probe(None), limit=30, first_limit=30, only_at_start=True)
    check.run()
    check.silence = 10**6
    assert run_heartbeats(watchdog, check, seconds=3) == ""


def test_ends_the_node_when_the_guard_has_ended(watchdog: Any) -> None:
    guard_end, pipe = os.pipe()
    os.close(guard_end)
    with pytest.raises(Enough):
        watchdog.send_heartbeats(pipe, [])
    os.close(pipe)
    assert "has ended" in watchdog.end_node.call_args.args[0]


def test_does_not_wait_for_a_guard_that_does_not_read(watchdog: Any) -> None:
    guard_end, pipe = os.pipe()
    os.set_blocking(pipe, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(pipe, b"." * 4096)
    stop_after_sleeps(watchdog, 5)
    with pytest.raises(Enough):
        watchdog.send_heartbeats(pipe, [])
    assert not watchdog.end_node.called
    os.close(guard_end)
    os.close(pipe)


def test_waits_longer_before_the_first_success(watchdog: Any) -> None:
    check = watchdog.Check("the bus", probe(), limit=30, first_limit=150)
    assert run_heartbeats(watchdog, check, seconds=149) == ""
    assert run_heartbeats(watchdog, check, seconds=1) == "without the bus for 151 s: no answer"


def test_reports_to_the_guard_that_the_node_is_unable(watchdog: Any) -> None:
    guard_end, pipe = os.pipe()
    check = watchdog.Check("the bus", probe(), limit=30, first_limit=0)
    with pytest.raises(Enough):
        watchdog.send_heartbeats(pipe, [check])
    assert os.read(guard_end, 10) == b".!"
    os.close(guard_end)
    os.close(pipe)


def test_reports_to_the_guard_once_that_the_node_works(watchdog: Any) -> None:
    guard_end, pipe = os.pipe()
    checks = [watchdog.Check("a", probe(), 30, 30, worked=True), watchdog.Check("b", probe(), 30, 30)]

    def nap(_: float) -> None:
        checks[1].worked = watchdog.eventlet.sleep.call_count >= 2
        if watchdog.eventlet.sleep.call_count == 4:
            raise Enough

    watchdog.eventlet.sleep.side_effect = nap
    with pytest.raises(Enough):
        watchdog.send_heartbeats(pipe, checks)
    assert os.read(guard_end, 10) == b"..+."
    os.close(guard_end)
    os.close(pipe)


def test_failure_timeout_equals_pacemaker_s(watchdog: Any) -> None:
    text = (ROOT / "templates/datasource_node/ds_node.crm.j2").read_text()
    assert f"failure-timeout={watchdog.FAILURE_TIMEOUT}\n" in text


def configuration(*, datasources: bool) -> SimpleNamespace:
    return SimpleNamespace(
        datasources=datasources,
        watchdog=SimpleNamespace(deadline=30),
        database=SimpleNamespace(connection="mysql://"),
        node_id="n",
        datasource_sync_period=5,
    )


def test_only_a_datasource_node_ends_without_the_database(watchdog: Any) -> None:
    answer, bus, _, database = watchdog.checks(configuration(datasources=True))
    assert (answer.limit, bus.limit, database.limit) == (30, 30, 30)
    assert (answer.first_limit, bus.first_limit, database.first_limit) == (150, 150, 150)
    assert not any(check.only_at_start for check in (answer, bus, database))
    answer.probe()
    assert watchdog.ping.call_args.args[2] is watchdog.DATASOURCE_MANAGER


def test_an_engine_needs_the_database_at_its_start(watchdog: Any) -> None:
    answer, bus, database = watchdog.checks(configuration(datasources=False))
    assert (answer.limit, bus.limit, database.limit) == (30, 30, 30)
    assert (answer.first_limit, bus.first_limit, database.first_limit) == (60, 30, 30)
    assert [check.only_at_start for check in (answer, bus, database)] == [False, False, True]
    answer.probe()
    assert watchdog.ping.call_args.args[2] is watchdog.POLICY_ENGINE


def test_a_datasource_node_ends_when_its_rounds_stand_still(watchdog: Any) -> None:
    _, _, rounds, _ = watchdog.checks(configuration(datasources=True))
    assert (rounds.limit, rounds.first_limit) == (40, 160)
    watchdog.rounds.ended = 0
    with pytest.raises(LookupError, match="none since round 0"):
        rounds.probe()
    watchdog.rounds.ended = 2
    rounds.probe()
    with pytest.raises(LookupError, match="none since round 2"):
        rounds.probe()


def test_connects_to_the_bus_only_when_the_node_no_longer_answers(watchdog: Any) -> None:
    answer, bus, *_ = watchdog.checks(configuration(datasources=True))
    bus.probe()
    assert watchdog.connection.called
    watchdog.connection.reset_mock()
    answer.worked = True
    bus.probe()
    assert not watchdog.connection.called
    answer.silence = 9
    bus.probe()
    assert watchdog.connection.called


def test_waits_while_the_bus_blocks_publishers(watchdog: Any) -> None:
    conf = MagicMock(datasources=False)
    conf.watchdog.deadline = 30
    answer, bus, _ = watchdog.checks(conf)
    answer.worked, answer.silence, bus.silence = True, 25, 9
    reasons = iter(["low on memory"] * 99)
    watchdog.blocked_reasons.return_value = reasons
    bus.probe()
    assert (answer.silence, bus.silence) == (0, 0)
    assert len(list(reasons)) == 99 - watchdog.BLOCKED_LOOKS
    answer.silence = 25
    watchdog.blocked_reasons.return_value = iter([])
    bus.probe()
    assert answer.silence == 25
