"""The deletion of a policy beside insertions of rules, in a real MariaDB."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.congress_runtime.support.congress_python import run_script
from tests.support import mariadb
from tests.support.programs import run


@pytest.fixture
def socket(tmp_path: Path) -> Iterator[Path]:
    mariadb.install(tmp_path)
    with mariadb.started(tmp_path, "--no-defaults", "--skip-networking"):
        assert run(*mariadb.client(tmp_path), "-e", "CREATE DATABASE congress").returncode == 0
        yield tmp_path / "socket"


def test_an_insertion_waits_for_the_deletion(socket: Path) -> None:
    assert run_script("policy_deletion.py", socket) == "1\n"


def test_upstream_s_deletion_is_ended_as_a_deadlock(socket: Path) -> None:
    """The reason for patches.policy_deletion."""
    assert run_script("policy_deletion.py", socket, "upstream") == "2\n"
