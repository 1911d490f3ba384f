"""congress-drain behind a load balancer that is not the stack's: which connections it waits for."""

from __future__ import annotations

import importlib
import socket
from pathlib import Path

import pytest

from components.foundation.template import ROOT


def test_connections_of_others_count_and_the_host_s_own_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "files/policy_engines"))
    drain = importlib.import_module("congress_drain_external")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        def counted() -> int:
            count: int = drain.connections(Path("/proc/self/net/tcp").read_text(), port)
            return count

        assert counted() == 0
        with socket.create_connection(("127.0.0.1", port), source_address=("127.0.0.1", 0)):
            assert counted() == 0
            with socket.create_connection(("127.0.0.1", port), source_address=("127.0.0.2", 0)):
                assert counted() == 1
