"""The rules that let new connections wait, in nftables itself."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest

from tests.support.programs import private, program, run


def test_new_connections_to_the_virtual_address_wait_and_are_let_in_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend("files/database")
    entry: Any = importlib.import_module("congress_database_entry")
    hold, allow = tmp_path / "hold", tmp_path / "allow"
    hold.write_text(entry.HOLD_BACK % "10.20.0.9")
    allow.write_text(entry.ALLOW)
    nft = program("nft")
    orders = [f"-f {hold}"] * 2 + ["list ruleset"] + [f"-f {allow}"] * 2 + ["list ruleset"]
    done = run(*private([program("bash"), "-c", " && ".join(f"{nft} {order}" for order in orders)], {}))
    assert done.returncode == 0, done.stderr
    assert "ip daddr 10.20.0.9 tcp dport @held" in done.stdout
    assert done.stdout.count("table inet congress-ha-database") == 1
