"""Runs in Congress's virtual environment: an engine's health with a bus and a database that a test controls.

usage: health.py FOLDER CASE. Prints the result of the case as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import eventlet

eventlet.monkey_patch()

import congress_runtime.patches.removed_names  # noqa: F401, E402  names that congress imports and Python removed
from congress.common import config  # noqa: E402
from eventlet.event import Event  # noqa: E402

CONFIGURATION = """
[DEFAULT]
transport_url = fake:/
[database]
connection = {database}
"""


class Bus:
    """`silent`: methods that are not answered before `recovered`. `turns`: turns of the loop until each answer."""

    def __init__(self) -> None:
        self.node = SimpleNamespace(service_object=lambda _: self)
        self.subscriptions: Any = SimpleNamespace(missing_tables=set)
        self.silent: set[str] = set()
        self.recovered = Event()
        self.turns = 1
        self.policies = ["sound", "hung"]
        self.calls = Counter[str]()

    def policy_names(self) -> list[str]:
        return self.policies

    def rpc(self, _service: str, method: str, *_args: Any, **_kwargs: Any) -> None:
        self.calls[method] += 1
        if method in self.silent:
            self.recovered.wait()
        for _ in range(self.turns):
            eventlet.sleep(0)


def health_of(bus: Bus, database: str, folder: Path) -> Any:
    file = folder / "engine.conf"
    file.write_text(CONFIGURATION.format(database=database))
    config.init(["--config-file", str(file)])
    # Not before the configuration is read.
    from congress_runtime.wsgi.health import Health  # noqa: PLC0415

    return Health(bus, {"sound", "hung"})


def loading(bus: Bus, database: str, folder: Path) -> list[str]:
    """The answers of /health of a starting engine.

    Its rules name tables of a datasource that sends them one after another, of one that never answers, and of a policy.
    """
    from congress.dse2.dse_node import DseNode  # noqa: PLC0415
    from congress_runtime.patches.subscriptions import Subscriptions  # noqa: PLC0415
    from congress_runtime.wsgi.health import Application  # noqa: PLC0415

    from tests.congress_runtime.support import fake_bus  # noqa: PLC0415

    answers = {name: Event() for name in ("first", "second", "never")}
    processed = Event()

    class Node(fake_bus.Node):
        subscriptions: ClassVar[dict[str, Any]] = {}
        get_subscription = DseNode.get_subscription

        def invoke_service_rpc(self, *call: Any, **_: Any) -> Any:
            answers[call[2]["table"]].wait()
            return 0, [["row"]]

    class Engine(fake_bus.Engine):
        def receive_data(self, *arguments: Any) -> None:
            if arguments[1] == "second":
                processed.wait()
            super().receive_data(*arguments)

        def tablenames(self, **_: Any) -> set[str]:
            return in_rules

        def reserved_tablename(self, _: str) -> bool:
            return False

    in_rules = {"sound:first", "hung:never", "ours:never"}
    engine = Engine(Node())
    subscriptions = bus.subscriptions = Subscriptions(engine)
    engine.__dict__.update(receive_data=subscriptions.receive_data)
    subscriptions.follow_rules(wait=False)
    in_rules.add("sound:second")
    health = Application.health = health_of(bus, database, folder)
    health.problem = ""
    bodies: list[str] = []

    def ask_health() -> None:
        eventlet.sleep(0.05)
        health.loading = health.missing_tables()
        environ = {"REQUEST_METHOD": "GET", "PATH_INFO": ""}
        bodies.extend(part.decode() for part in Application()(environ, lambda *_: None))

    ask_health()
    subscriptions.follow_rules(wait=False)
    answers["first"].send()
    ask_health()
    answers["second"].send()
    ask_health()
    processed.send()
    ask_health()
    health.loading_ends = time.monotonic()
    ask_health()
    in_rules.add("sound:never")
    subscriptions.follow_rules(wait=False)
    ask_health()
    return bodies


def main(folder: str, case: str) -> None:
    database = f"sqlite:///{folder}/congress.sqlite"
    bus = Bus()
    silent_server = eventlet.listen(("127.0.0.1", 0))
    result: Any
    match case:
        case "flood":
            health = health_of(bus, database, Path(folder))
            from congress_runtime.wsgi.health import Application  # noqa: PLC0415

            Application.health = health
            application = Application()
            watching, began, answers = eventlet.spawn(health.watch), time.monotonic(), Counter[str]()
            eventlet.sleep(0.5)
            for _ in range(20_000):
                answers[application.status("GET", "")] += 1
                eventlet.sleep(0)
            watching.kill()
            result = [answers, sum(bus.calls.values()) <= time.monotonic() - began + 1]
        case "loading":
            result = loading(bus, database, Path(folder))
        case "loop stands still":
            health, bus.turns = health_of(bus, database, Path(folder)), 12
            eventlet.spawn(work, 16)
            began = time.monotonic()
            result = [health.check(), time.monotonic() - began > 4]  # twice what an idle loop gets
        case "large messages":
            from congress_runtime.patches import pauses  # noqa: PLC0415

            health = health_of(bus, database, Path(folder))
            bus.silent |= {"persistent_get_policies"}
            pauses.turns.acquire()  # as during the decoding of a message
            eventlet.spawn_after(5, bus.recovered.send)  # twice as long as it waits without large messages
            result = [health.check(), bus.calls["ping"]]
            pauses.turns.release()
        case "bus lost":
            bus.silent |= {"persistent_get_policies", "ping"}
            health = health_of(bus, database, Path(folder))
            result = [health.check(), health.check(), bus.calls]
            bus.recovered.send()
            result += [health.check()]
        case "waits for a lock":
            bus.silent |= {"persistent_get_policies"}
            health = health_of(bus, database, Path(folder))
            result = [[health.check() for _ in range(3)], bus.calls["persistent_get_policies"]]
        case "database lost":
            bus.silent |= {"persistent_get_policies"}
            port = silent_server.getsockname()[1]
            health = health_of(bus, f"mysql+pymysql://congress@127.0.0.1:{port}/congress", Path(folder))
            result = health.check()
        case _:
            raise ValueError(case)
    print(json.dumps(result))
    sys.stdout.flush()


def work(turns: int) -> None:
    """Block the loop repeatedly, with one turn in between, as a policy engine may do."""
    for _ in range(turns):
        end = time.monotonic() + 0.4
        while time.monotonic() < end:
            pass
        eventlet.sleep(0)


main(*sys.argv[1:])
