# ruff: noqa: SLF001 (what is replaced is private)
import threading
import time
from types import SimpleNamespace
from typing import Any

import pytest

from tests.congress_runtime.conftest import Load
from tests.support.programs import congress_python, run


class Ended(Exception):  # noqa: N818  stands for the end of the process
    ...


class Server:
    def _process_incoming(self, incoming: float) -> None:
        time.sleep(incoming)


@pytest.fixture
def launcher(load: Load, monkeypatch: pytest.MonkeyPatch) -> Any:
    """oslo.service's launcher after `apply`; the end of the process is an exception."""
    launcher = type("Launcher", (), {"_graceful_shutdown": lambda *_: None})
    server = type("RPCServer", (Server,), {"_process_incoming": Server._process_incoming})
    stop = load(
        "patches.stop",
        oslo_messaging_rpc_server=SimpleNamespace(RPCServer=server),
        oslo_service_service=SimpleNamespace(ServiceLauncher=launcher),
        eventlet=SimpleNamespace(sleep=time.sleep),
    )

    def ended(code: int) -> None:
        assert code == 0
        raise Ended

    monkeypatch.setattr(stop.os, "_exit", ended)
    stop.apply()
    return SimpleNamespace(stop=stop, server=server(), told_to_stop=launcher()._graceful_shutdown)


def serve(launcher: Any, seconds: float) -> None:
    threading.Thread(target=launcher.server._process_incoming, args=(seconds,), daemon=True).start()
    time.sleep(0.1)


def test_an_idle_node_stops_at_once(launcher: Any) -> None:
    launcher.server._process_incoming(0.0)
    start = time.monotonic()
    with pytest.raises(Ended):
        launcher.told_to_stop()
    assert time.monotonic() - start < 0.2


def test_requests_that_are_being_served_are_answered_first(launcher: Any) -> None:
    serve(launcher, 0.6)
    start = time.monotonic()
    with pytest.raises(Ended):
        launcher.told_to_stop()
    assert 0.3 < time.monotonic() - start < 2


def test_a_request_that_hangs_delays_the_stop_to_the_limit(
    launcher: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launcher.stop, "LIMIT", 0.3)
    serve(launcher, 30)
    with pytest.raises(Ended):
        launcher.told_to_stop()


def test_the_pinned_libraries_have_the_replaced_names() -> None:
    names = "from oslo_messaging.rpc.server import RPCServer; RPCServer._process_incoming; "
    names += "from oslo_service.service import ServiceLauncher; ServiceLauncher._graceful_shutdown"
    done = run(congress_python(), "-c", names)
    assert done.returncode == 0, done.stderr
