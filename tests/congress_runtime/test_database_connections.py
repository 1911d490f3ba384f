"""Connections to a database whose address is on its way to another host."""

from __future__ import annotations

import json

from tests.congress_runtime.support.congress_python import run_script


def test_an_attempt_without_an_answer_is_repeated_soon() -> None:
    assert json.loads(run_script("database_connections.py", "ours")) == [0.25] * 16 + [1.0]


def test_upstream_leaves_it_to_the_kernel() -> None:
    """The reason for patches.database_connections: the kernel repeats its packet after 1, 3 and 7 s."""
    assert json.loads(run_script("database_connections.py", "upstream")) == [5]
