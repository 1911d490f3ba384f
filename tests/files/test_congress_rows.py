"""What an engine does does not depend on the rows that it holds, unless they are asked for."""

import json
from functools import cache
from typing import Any

from tests.files.of_congress import printed

FEW, MANY = "100", "100000"


@cache
def work(which: str, *sizes: str) -> dict[str, list[int]]:
    found: dict[str, list[int]] = json.loads(printed("work_by_rows.py", which, *sizes))
    return found


def told(which: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(printed("named_tables.py", which))
    return found


def test_nothing_costs_more_at_more_rows() -> None:
    ratios = {what: many / few for what, (few, many) in work("ours", FEW, MANY).items()}
    assert len(ratios) == 8
    assert max(ratios.values()) < 1.1, ratios


def test_upstream_alone_pays_for_each_row() -> None:
    """What congress_table_names and congress_rows are for; once Congress does better by itself, they can go."""
    ratios = {what: many / few for what, (few, many) in work("upstream", FEW, "1000").items()}
    assert len(ratios) == 8
    assert min(ratios.values()) > 5, ratios


def test_policies_name_the_same_rules_and_tables_as_upstream() -> None:
    ours = told("ours")
    assert ours == told("upstream")
    assert ours["with rows"]["policies"]["classification"]["tables"] == sorted(
        ["p", "q", "t", "r", "big", "empty", "cloud:servers", "cloud:ports", "other:s"]
    )
    assert "p(1)" in ours["with rows"]["policies"]["classification"]["all"]
    assert ours["with rows"]["policies"]["cloud"]["tables"] == ["servers"]
