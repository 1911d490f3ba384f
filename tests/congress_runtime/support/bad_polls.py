"""Run by the Python that Congress is installed in: a datasource node polls clouds that do not answer as they should.

usage: bad_polls.py FOLDER [upstream]: with `upstream` as upstream alone does it.
Prints one JSON object, what was seen.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from typing import Any

from tests.congress_runtime.support import congress_node

# isort: split
import eventlet

from tests.congress_runtime.support.bad_datasources import CLOUD, Fickle, Node, hang, known

ROWS = 5000


class Rubbish(congress_node.Hanging):
    """A cloud that answers something that is no HTTP."""

    def accept(self) -> None:
        while True:
            there, _ = self.listener.accept()
            there.recv(1000)
            there.sendall(b"rubbish\r\n\r\n" * 100)
            there.close()


class Slow(congress_node.Hanging):
    """A cloud that answers a byte now and then."""

    def accept(self) -> None:
        while True:
            there, _ = self.listener.accept()
            eventlet.spawn(self.drip, there)

    def drip(self, there: Any) -> None:
        there.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        with contextlib.suppress(OSError):  # given up
            while True:
                there.sendall(b" ")
                eventlet.sleep(0.1)


def turns() -> int:
    """How often others have the loop while many objects are made into rows."""
    taken = [0]

    def take() -> None:
        while True:
            taken[0] += 1
            eventlet.sleep(0)

    other = eventlet.spawn(take)
    eventlet.sleep(0)
    before = taken[0]
    rows = Fickle.convert_objs([{"name": f"thing {number}"} for number in range(ROWS)], Fickle.TRANSLATORS[0])
    assert len(rows) == ROWS
    counted = taken[0] - before
    other.kill()
    return counted


def vcenter_waits() -> float | None:
    """Seconds that the driver's client waits for an answer; it asks port 443 alone, so it is not let begin."""
    from oslo_vmware.api import VMwareAPISession  # noqa: PLC0415

    session = VMwareAPISession("a.vcenter", "ours", "ours", 10, 1, create_session=False)
    waits: float | None = session._connection_timeout  # noqa: SLF001
    return waits


def main(folder: str, *words: str) -> None:
    congress_node.configure(folder)
    from congress_runtime.patches import isolation  # noqa: PLC0415  in both cases: it lets upstream's polls begin at all

    isolation.apply()
    if words:
        congress_node.PATIENCE = 4.0
    else:
        from congress_runtime.patches import polls  # noqa: PLC0415

        polls.SILENCE, polls.LIMIT, polls.LATE = 0.5, 1.5, (0.2, 0)
        polls.apply()
    clouds = {"silent": congress_node.Hanging(), "rubbish": Rubbish(), "slow": Slow()}
    urls = {name: cloud.url for name, cloud in clouds.items()} | {"refuses": "http://127.0.0.1:1/v3"}
    for name, url in urls.items():
        known(name, "nova", **{**CLOUD, "auth_url": url, "poll_time": 1})
    known("unreachable", "vcenter", auth_url="127.0.0.1", username="ours", password="ours")
    known("hangs", poll_time=1)
    known("good", poll_time=1)
    Fickle.polled = {"hangs": hang}
    node = Node()
    seen: dict[str, Any] = {"serves": node.serves(), "turns": turns()}
    api = congress_node.Api(node.node)

    def status(name: str) -> dict[str, Any]:
        answer: dict[str, Any] = api.ask("GET", f"/v1/data-sources/id-of-{name}/status")[1]
        return answer

    bad = [*urls, "hangs"]
    seen["under way"] = congress_node.until(lambda: "that began" in status("hangs")["last_error"])
    congress_node.until(lambda: all(node.updates(name) for name in bad))
    seen["errors"] = {name: status(name)["last_error"] for name in bad}
    before = node.updates("good")
    congress_node.until(lambda: node.updates("good") > before + 1)
    seen["rows of good"] = status("good").get("number_of_rows")
    seen["numbers of good"] = status("good").get("sequence_numbers")
    seen["good is polled"] = node.updates("good") > before + 1
    Fickle.polled = {}
    seen["polled when its cloud is well"] = bool(
        congress_node.until(lambda: node.node.service_object("hangs").state.get("things"))
    )
    seen["vcenter waits"] = vcenter_waits()
    print(json.dumps(seen), flush=True)
    os._exit(0)


main(*sys.argv[1:])
