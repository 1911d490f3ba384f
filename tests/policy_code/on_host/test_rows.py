"""The rows of datasources, read over the bus."""

from __future__ import annotations

import pytest

from tests.policy_code.on_host.engine_host import Host

pytestmark = pytest.mark.timeout(300)
# Columns of doctor's table events.
EVENT = ("time", "type", "hostname", "status", "monitor", "monitor_event_id")


def test_rows_of_datasources_are_read_or_the_reason_is_given(host: Host) -> None:
    host.steps = [
        {
            "datasources": [
                "add_datasource",
                {"items": {"name": name, "driver": "doctor", "description": "", "config": {}}},
            ]
        }
        for name in ("empty", "pushed")
    ]
    events = [
        {**dict.fromkeys(EVENT[:2], f"{number}"), "details": dict.fromkeys(EVENT[2:], f"{number}")}
        for number in range(3)
    ]
    push = {"table_id": "events", "source_id": "pushed", "objs": events}
    host.steps.append({"service": ["pushed", "replace_entire_table_data", push]})
    host.steps += [
        {"rows": ["pushed:events"]},
        {"rows": ["empty:events"]},
        {"rows": ["pushed:no"]},
        {"rows": ["no:t"]},
    ]
    *pushed, some, empty, unknown, absent = host.run()
    assert pushed[-1]["result"] is None
    assert sorted(some["result"]["pushed:events"]) == [[f"{number}"] * len(EVENT) for number in range(3)]
    assert empty["result"].startswith("CallError: datasource empty has no rows yet: ")
    assert unknown["result"].startswith("CallError: pushed:no cannot be read: ")
    assert absent["result"] == "CallError: Congress has no datasource no"
