"""Runs in Congress's virtual environment: a datasource node polls clouds that do not answer as they should.

usage: poll_faults.py FOLDER [upstream]: with `upstream`, without our patches.
Prints the observations as one JSON object.
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

from tests.congress_runtime.support.datasource_faults import CLOUD, FakeDriver, Node, add_datasource, hang
from tests.congress_runtime.support.green_threads import turns_of_others

ROWS = 5000


class InvalidHttpCloud(congress_node.SilentCloud):
    """A cloud whose answer is not HTTP."""

    def accept(self) -> None:
        while True:
            client, _ = self.listener.accept()
            client.recv(1000)
            client.sendall(b"rubbish\r\n\r\n" * 100)
            client.close()


class SlowCloud(congress_node.SilentCloud):
    """A cloud that sends one byte every 0.1 s."""

    def accept(self) -> None:
        while True:
            client, _ = self.listener.accept()
            eventlet.spawn(self.answer_slowly, client)

    def answer_slowly(self, client: Any) -> None:
        client.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        with contextlib.suppress(OSError):  # the client has closed the connection
            while True:
                client.sendall(b" ")
                eventlet.sleep(0.1)


def turns(**more: Any) -> int:
    """How often another green thread runs while many objects are converted into rows; `more` of the translator."""
    things = [{"name": f"thing {number}"} for number in range(ROWS)]
    translator = {**FakeDriver.TRANSLATORS[0], **more}
    rows, turns = turns_of_others(lambda: FakeDriver.convert_objs(things, translator))
    assert len(rows) == ROWS
    return turns


def vcenter_timeout() -> float | None:
    """Seconds that the driver's client waits for an answer. It connects only to port 443, so no session is started."""
    from oslo_vmware.api import VMwareAPISession  # noqa: PLC0415

    session = VMwareAPISession("a.vcenter", "ours", "ours", 10, 1, create_session=False)
    waits: float | None = session._connection_timeout  # noqa: SLF001
    return waits


def main(folder: str, *words: str) -> None:
    congress_node.configure(folder)
    from congress_runtime.patches import isolation  # noqa: PLC0415  also with `upstream`, whose polls would not even start

    isolation.apply()
    if words:
        congress_node.TIMEOUT = 4.0
    else:
        from congress_runtime.patches import polls  # noqa: PLC0415

        polls.REQUEST_TIMEOUT, polls.LIMIT, polls.LATE = 0.5, 1.5, (0.2, 0)
        polls.apply()
    clouds = {"silent": congress_node.SilentCloud(), "rubbish": InvalidHttpCloud(), "slow": SlowCloud()}
    urls = {name: cloud.url for name, cloud in clouds.items()} | {"refuses": "http://127.0.0.1:1/v3"}
    for name, url in urls.items():
        add_datasource(name, "nova", **{**CLOUD, "auth_url": url, "poll_time": 1})
    add_datasource("unreachable", "vcenter", auth_url="127.0.0.1", username="ours", password="ours")
    add_datasource("hangs", poll_time=1)
    add_datasource("good", poll_time=1)
    FakeDriver.at_poll = {"hangs": hang}
    node = Node()
    seen: dict[str, Any] = {"serves": node.serves(), "turns": turns()}
    seen["turns with an extraction"] = turns(
        **{FakeDriver.OBJECTS_EXTRACT_FN: lambda objects: list(map(dict, objects))}
    )
    api = congress_node.Api(node.node)

    def status(name: str) -> dict[str, Any]:
        answer: dict[str, Any] = api.ask("GET", f"/v1/data-sources/id-of-{name}/status")[1]
        return answer

    bad = [*urls, "hangs"]
    seen["under way"] = congress_node.until(lambda: "that started" in status("hangs").get("last_error", ""))
    congress_node.until(lambda: all(node.updates(name) for name in bad))
    seen["errors"] = {name: status(name)["last_error"] for name in bad}
    before = node.updates("good")
    congress_node.until(lambda: node.updates("good") > before + 1)
    seen["rows of good"] = status("good").get("number_of_rows")
    seen["numbers of good"] = status("good").get("sequence_numbers")
    seen["good is polled"] = node.updates("good") > before + 1
    FakeDriver.at_poll = {}
    seen["polled when its cloud is well"] = bool(
        congress_node.until(lambda: node.node.service_object("hangs").state.get("things"))
    )
    seen["vcenter waits"] = vcenter_timeout()
    print(json.dumps(seen), flush=True)
    os._exit(0)


main(*sys.argv[1:])
