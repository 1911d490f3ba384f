"""Runs in Congress's virtual environment: polls that return very many rows, none, or not even a list; and a
datasource without a configuration.

usage: poll_results.py FOLDER [upstream]: with `upstream`, without patches.polls. Prints one JSON object.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from tests.congress_runtime.support import congress_node

# isort: split
import eventlet
from congress.db import datasources
from congress_runtime.patches import datasource_answers, isolation

from tests.congress_runtime.support.datasource_faults import FakeDriver, Node, add_datasource

MUCH = 100_000  # rows


def amounts() -> dict[str, Any]:
    turns = [0]

    def count() -> None:
        while True:
            turns[0] += 1
            eventlet.sleep(0)

    def much() -> list[dict[str, str]]:
        eventlet.spawn(count)
        return [{"name": f"thing {number}"} for number in range(MUCH)]

    (
        add_datasource("much", poll_time=1000),
        add_datasource("nothing"),
        add_datasource("no_list"),
        add_datasource("good", poll_time=1),
    )
    datasources.add_datasource("id-of-bare", "bare", "fickle", None, "", True)  # noqa: FBT003
    FakeDriver.at_poll = {"much": much, "nothing": list, "no_list": lambda: None}
    node = Node()
    seen: dict[str, Any] = {"serves": node.serves()}
    seen["much is polled"] = node.polls("much")
    seen["turns meanwhile"] = turns[0]
    before = node.updates("good")
    seen["good is polled"] = bool(congress_node.until(lambda: node.updates("good") > before))
    seen["bare is polled"] = node.polls("bare")
    api = congress_node.Api(node.node)
    seen["bare"] = [api.ask("GET", f"/v1/data-sources/id-of-bare{what}")[0] for what in ("", "/status")]
    statuses = {
        name: api.ask("GET", f"/v1/data-sources/id-of-{name}/status")[1] for name in FakeDriver.at_poll
    }
    seen["rows"] = {name: status.get("number_of_rows") for name, status in statuses.items()}
    seen["errors"] = {name: status["last_error"] for name, status in statuses.items()}
    FakeDriver.at_poll = {"much": list}
    api.ask("POST", "/v1/data-sources/id-of-much?action=request-refresh")
    seen["much becomes nothing"] = bool(
        congress_node.until(lambda: not node.node.service_object("much").state["things"])
    )
    return seen


def main(folder: str, *words: str) -> None:
    congress_node.configure(folder)
    isolation.apply()
    datasource_answers.apply()
    if not words:
        from congress_runtime.patches import polls  # noqa: PLC0415

        polls.apply()
    print(json.dumps(amounts()), flush=True)
    os._exit(0)


main(*sys.argv[1:])
