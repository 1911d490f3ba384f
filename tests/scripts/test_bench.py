from __future__ import annotations

from typing import Any

import pytest

from tests.bench import lifecycle as bench
from tests.bench.data import numbers
from tests.bench.data_changes import by_rows

STACK = "urn:pulumi:dev::congress-ha::"


def _event(timestamp: int, urn: str, op: str = "create") -> dict[str, Any]:
    return {"timestamp": timestamp, "resOutputsEvent": {"metadata": {"op": op, "urn": STACK + urn}}}


def test_a_phase_ends_with_its_last_resource() -> None:
    command = "congress-ha:host:Host$command:remote:Command"
    events = [
        {"timestamp": 100, "preludeEvent": {}},
        _event(110, "congress-ha:host:Host$openstack:compute/instance:Instance::one"),
        _event(130, "congress-ha:host:Host$openstack:compute/instance:Instance::two"),
        _event(150, f"{command}::one-ready"),
        _event(190, f"{command}::one-packages"),
        _event(180, f"{command}::load-balancer-software", op="same"),
        _event(200, f"{command}::engine-1"),
        {"timestamp": 210, "summaryEvent": {}},
    ]
    assert bench.phase_ends(events) == {
        bench.SERVERS: 30,
        bench.READY: 50,
        bench.PACKAGES: 90,
        bench.ACTIVATION: 100,
    }


def test_table_shows_median_and_worst() -> None:
    runs = [{"cold `up`": seconds, "`preview`": 2.0} for seconds in (150.0, 190.0, 160.0)]
    assert bench.table(runs).splitlines() == [
        "| seconds, 3 runs | median | worst |",
        "|---|---|---|",
        "| cold `up` | 160.0 | 190.0 |",
        "| `preview` | 2.0 | 2.0 |",
    ]


def test_memory_is_told_by_the_row_where_there_are_enough_rows_to_tell() -> None:
    assert by_rows((460, 444), (130, 104), 200_000) == ["165", "170"]
    assert by_rows((131, 104), (130, 104), 200) == ["-", "-"]


@pytest.mark.parametrize("text", ["1", "2 x", "2 1", "-2"])
def test_an_option_of_several_numbers(text: str) -> None:
    assert numbers("TABLES", "2 8", 2, "2 4") == [2, 8]
    with pytest.raises(SystemExit, match=r"data: TABLES='.*': numbers, 2 or more each, such as TABLES='2 4'"):
        numbers("TABLES", text, 2, "2 4")
