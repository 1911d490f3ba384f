"""Whether a host may begin a new database."""

from __future__ import annotations

import importlib
import socket
from typing import Any

import pytest

HERE = "127.0.0.1"


@pytest.fixture
def copies(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend("files/database")
    found = importlib.import_module("congress_database_copies")
    monkeypatch.setattr(found, "PROBE_LIMIT", 0.2)
    return found


def test_a_cluster_is_heard_by_its_silence(copies: Any) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as corosync:
        corosync.bind((HERE, 0))
        port = corosync.getsockname()[1]
        assert copies.hears_a_cluster(HERE, port)
    assert not copies.hears_a_cluster(HERE, port)


def test_no_database_is_begun_beside_members_whose_mariadb_is_stopped(
    copies: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Configuration:
        address_of = staticmethod(lambda _: HERE)

    class Member:
        name, order, configuration = "one", ("one", "two"), Configuration()

    monkeypatch.setattr(copies.State, "read", lambda _: None)
    monkeypatch.setattr(copies, "takes_writes", lambda *_: None)
    monkeypatch.setattr(copies, "hears_a_cluster", lambda _: True)
    with pytest.raises(copies.DatabaseError, match="two has a database already"):
        copies.found(Member())
