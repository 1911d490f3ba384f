"""Run by the Python that Congress is installed in: polls that give very much, nothing, or not even a list; and a
datasource without a configuration.

usage: amounts.py FOLDER [upstream]: with `upstream` without patches.polls. Prints one JSON object, what was seen.
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

from tests.congress_runtime.support.bad_datasources import Fickle, Node, known

MUCH = 100_000  # rows


def amounts() -> dict[str, Any]:
    taken = [0]

    def take() -> None:
        while True:
            taken[0] += 1
            eventlet.sleep(0)

    def much() -> list[dict[str, str]]:
        eventlet.spawn(take)
        return [{"name": f"thing {number}"} for number in range(MUCH)]

    known("much", poll_time=1000), known("nothing"), known("no_list"), known("good", poll_time=1)
    datasources.add_datasource("id-of-bare", "bare", "fickle", None, "", True)  # noqa: FBT003
    Fickle.polled = {"much": much, "nothing": list, "no_list": lambda: None}
    node = Node()
    seen: dict[str, Any] = {"serves": node.serves()}
    seen["much is polled"] = node.polls("much")
    seen["turns meanwhile"] = taken[0]
    before = node.updates("good")
    seen["good is polled"] = bool(congress_node.until(lambda: node.updates("good") > before))
    seen["bare is polled"] = node.polls("bare")
    api = congress_node.Api(node.node)
    seen["bare"] = [api.ask("GET", f"/v1/data-sources/id-of-bare{what}")[0] for what in ("", "/status")]
    told = {name: api.ask("GET", f"/v1/data-sources/id-of-{name}/status")[1] for name in Fickle.polled}
    seen["rows"] = {name: status.get("number_of_rows") for name, status in told.items()}
    seen["errors"] = {name: status["last_error"] for name, status in told.items()}
    Fickle.polled = {"much": list}
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
