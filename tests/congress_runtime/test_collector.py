"""A large table makes Python collect nothing but what is young, and leaves nothing to be collected."""

import json
from functools import cache
from typing import Any

import pytest

from tests.congress_runtime.support.of_congress import printed

FEW, MANY = "100", "20000"


@cache
def collected(which: str, rows: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(printed("collected.py", which, rows))
    return found


@pytest.mark.parametrize("rows", [FEW, MANY])
def test_no_table_makes_it_go_through_everything(rows: str) -> None:
    assert (collected("ours", rows)["collections"], collected("ours", rows)["objects"]) == (0, 0)


def test_by_itself_python_goes_through_a_large_table_again_and_again() -> None:
    """What congress_runtime.collector is for; once Python does better by itself, it can go."""
    assert collected("python", FEW)["objects"] < 1_000
    assert collected("python", MANY)["objects"] > 20_000


def test_rows_that_were_taken_in_are_nothing_to_go_through() -> None:
    """So what it does each minute does not depend on them."""
    few, many = (collected("ours", rows)["objects at rest"] for rows in (FEW, MANY))
    assert many < few + 100


def test_replaced_tables_are_freed_without_it() -> None:
    """Nothing of a table is a cycle: each of these has other rows, and the collector is switched off."""
    blocks = collected("ours", MANY)["blocks"]
    assert max(blocks) - min(blocks) < 1_000, blocks


def test_it_collects_each_minute() -> None:
    assert json.loads(printed("collected_each_minute.py")) == {"cycle": "freed", "young ones": True}
