"""A large table causes no full garbage collection, and leaves no garbage."""

import json
from functools import cache
from typing import Any

import pytest

from tests.congress_runtime.support.congress_python import run_script

FEW, MANY = "100", "20000"


@cache
def collected(which: str, rows: str) -> dict[str, Any]:
    observations: dict[str, Any] = json.loads(run_script("collector.py", which, rows))
    return observations


@pytest.mark.parametrize("rows", [FEW, MANY])
def test_a_table_causes_no_full_collection(rows: str) -> None:
    assert (collected("ours", rows)["collections"], collected("ours", rows)["objects"]) == (0, 0)


def test_python_itself_runs_full_collections_for_a_large_table() -> None:
    """The reason for congress_runtime.collector. When this fails, the module is no longer needed."""
    assert collected("python", FEW)["objects"] < 1_000
    assert collected("python", MANY)["objects"] > 20_000


def test_the_collector_does_not_traverse_received_rows() -> None:
    """So a collection takes as long with many rows as with few."""
    few, many = (collected("ours", rows)["objects at rest"] for rows in (FEW, MANY))
    assert many < few + 100


def test_replaced_tables_are_freed_without_the_collector() -> None:
    """A table contains no reference cycles: each of these tables has other rows, and the collector is off."""
    blocks = collected("ours", MANY)["blocks"]
    assert max(blocks) - min(blocks) < 1_000, blocks


def test_a_cycle_is_collected_at_the_next_full_collection() -> None:
    assert json.loads(run_script("collector_period.py")) == {"cycle": "freed", "young ones": True}
