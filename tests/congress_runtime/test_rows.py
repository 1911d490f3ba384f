"""The work of an engine does not depend on the number of rows that it holds, unless the rows are requested."""

import json
from functools import cache
from typing import Any

from tests.congress_runtime.support.congress_python import run_script

FEW, MANY = "100", "100000"


@cache
def work(which: str, *sizes: str) -> dict[str, list[int]]:
    observations: dict[str, list[int]] = json.loads(run_script("work_per_row.py", which, *sizes))
    return observations


@cache
def taken_in(which: str) -> dict[str, Any]:
    observations: dict[str, Any] = json.loads(run_script("received_rows.py", which))
    return observations


def reported(which: str) -> dict[str, Any]:
    observations: dict[str, Any] = json.loads(run_script("table_names.py", which))
    return observations


def test_no_task_costs_more_with_more_rows() -> None:
    ratios = {what: many / few for what, (few, many) in work("ours", FEW, MANY).items()}
    assert len(ratios) == 8
    assert max(ratios.values()) < 1.1, ratios


def test_upstream_s_tasks_cost_more_with_more_rows() -> None:
    """The reason for patches.table_names and patches.rows. Once Congress has no such flaw, the patches can go."""
    ratios = {what: many / few for what, (few, many) in work("upstream", FEW, "1000").items()}
    assert len(ratios) == 8
    assert min(ratios.values()) > 5, ratios


def test_policies_name_the_same_rules_and_tables_as_upstream() -> None:
    ours = reported("ours")
    assert ours == reported("upstream")
    assert ours["with rows"]["policies"]["classification"]["tables"] == sorted(
        ["p", "q", "t", "r", "big", "empty", "cloud:servers", "cloud:ports", "other:s"]
    )
    assert "p(1)" in ours["with rows"]["policies"]["classification"]["all"]
    assert ours["with rows"]["policies"]["cloud"]["tables"] == ["servers"]


WHOLE = ("a whole table", "another whole table", "each row replaced")


def test_green_threads_run_during_a_whole_table_and_never_see_a_part_of_it() -> None:
    ours = taken_in("ours")
    for what in WHOLE:
        assert ours[what]["turns of others"] >= 10, what
        assert ours[what]["tables in part"] == 0, what


def test_rows_and_triggers_equal_upstream_s_after_random_changes() -> None:
    ours, upstream = taken_in("ours"), taken_in("upstream")
    assert ours["random histories"] == upstream["random histories"]
    assert [history["wrong"] for history in ours["random histories"]] == [0] * 10
    assert all(history["triggers"] for history in ours["random histories"])
    assert [ours[what]["rows"] for what in WHOLE] == [upstream[what]["rows"] for what in WHOLE]


def test_duplicate_rows_are_counted() -> None:
    assert taken_in("ours")["random histories of odd values, wrong after"] == 0


def test_rows_of_other_columns_or_of_a_replaced_datasource_are_refused() -> None:
    ours = taken_in("ours")
    assert ours["refused"] == ["CongressException"] * 2
    assert (ours["rows after the first"], ours["rows after the second"]) == (["server-1"], 0)


def test_upstream_blocks_the_loop_and_loses_duplicate_rows() -> None:
    upstream = taken_in("upstream")
    assert [upstream[what]["turns of others"] for what in WHOLE] == [0, 0, 0]
    assert upstream["random histories of odd values, wrong after"] > 0
