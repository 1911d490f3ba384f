"""Run by Congress's Python: a node on a real bus that reports how long its event loop is blocked.

usage: bus_node.py FOLDER BUS_CONFIGURATION engine-1|...|datasources PORT [MODULE...]: patched as the launcher
does it, but without each MODULE. The database is SQLite. PORT serves the API and, for bus_bench.py, /turns (figures
since the last request), /rows/N (the number of rows if the pushed table has row N) and /subscribe.
"""

from __future__ import annotations

import gc
import json
import sys
import time
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import eventlet

eventlet.monkey_patch()

import congress_runtime.patches.removed_names  # noqa: F401, E402  names that congress imports and Python removed
from congress.common import config  # noqa: E402
from congress.db import api as db_api  # noqa: E402
from congress.db import model_base  # noqa: E402
from eventlet import wsgi  # noqa: E402

OURS = """
[DEFAULT]
encryption_key_path = {folder}/{name}.keys
policy_library_path = {folder}/none
auth_strategy = noauth
replicated_policy_engine = True
datasource_sync_period = 2
use_syslog = False
debug = False
[database]
connection = sqlite:///{folder}/congress.sqlite
[oslo_concurrency]
lock_path = {folder}
"""
ROW = (
    "2026-11-28T00:00:00Z",
    "compute.host.down",
    "compute-0",
    "down",
    "bench",
)  # of tests.acceptance.support.push
STILL = 0.02  # seconds from which on it is worth a look where
threads = eventlet.patcher.original("threading")


class Turns:
    """How long others wait for a turn in the loop, in seconds of processor time, and the code that blocks it."""

    def __init__(self) -> None:
        self.collection = self.collecting = 0.0
        self.forget()
        self.loop = threads.get_ident()
        eventlet.spawn(self.take)
        threads.Thread(target=self.watch, daemon=True).start()
        gc.callbacks.append(self.collected)

    def forget(self) -> None:
        self.longest, self.where, self.seen = 0.0, "", ""
        self.began = self.turn = time.process_time()

    def take(self) -> None:
        while True:
            eventlet.sleep(0.001)
            now = time.process_time()
            if now - self.turn > self.longest:
                self.longest, self.where = now - self.turn, f"{self.seen} collector {self.collection:.3f} s"
            self.seen, self.collection, self.turn = "", 0.0, time.process_time()

    def watch(self) -> None:
        pause = eventlet.patcher.original("time").sleep
        while True:
            pause(0.005)
            if time.process_time() - self.turn > STILL and not self.seen:
                stack = traceback.extract_stack(sys._current_frames()[self.loop])  # noqa: SLF001
                self.seen = " < ".join(f"{Path(f.filename).stem}:{f.lineno} {f.name}" for f in stack[:-7:-1])

    def collected(self, phase: str, _info: object) -> None:
        now = time.process_time()
        if phase == "stop":
            self.collection += now - self.collecting
        self.collecting = now

    def figures(self) -> dict[str, Any]:
        with open("/proc/self/status") as status:  # noqa: PTH123
            at_most = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
        processor = time.process_time() - self.began
        figures = {
            "longest": self.longest,
            "where": self.where,
            "processor": processor,
            "MB": at_most / 1024,
        }
        self.forget()
        Path("/proc/self/clear_refs").write_text("5")  # proc(5): VmHWM begins anew
        return figures


def configure(folder: str, bus: str, name: str) -> None:
    file = Path(folder) / f"{name}.conf"
    file.write_text(OURS.format(folder=folder, name=name))
    roles = ["--datasources"] if name == "datasources" else ["--policy-engine", "--api"]
    config.init(["--config-file", bus, "--config-file", str(file), *roles, "--node-id", name])
    import congress.service  # noqa: F401, PLC0415  with the model of every table
    from congress import encryption  # noqa: PLC0415

    encryption.initialize_key()
    model_base.BASE.metadata.create_all(db_api.get_engine())


def apply(name: str, without: Iterable[str]) -> None:
    from congress_runtime import patches  # noqa: PLC0415

    role = patches.DATASOURCE_NODE if name == "datasources" else patches.ENGINE
    for patch in patches.load(patches.BUS, patches.NODE, role):
        if patch.__name__.rpartition(".")[2] not in without:
            patch.apply()


def serve(port: int, app: Any, turns: Turns, engine: Any = None) -> None:
    from congress.datalog.compile import Fact  # noqa: PLC0415

    def rows(changed: str) -> int:
        theory = engine.theory.get("pushed")
        facts = theory.rules.facts.get("events", ()) if theory else ()
        return Fact("events", (*ROW, f"changed-{changed}")) in facts and len(facts)

    def subscribe() -> bool:
        engine.unsubscribe("pushed", "events")
        engine.subscribe("pushed", "events")
        return True

    def answer(environ: dict[str, Any], start: Any) -> Any:
        path, _, changed = environ["PATH_INFO"].removeprefix("/").partition("/")
        if path not in {"turns", "rows", "subscribe"}:
            return app(environ, start)
        figures: Any = (
            turns.figures() if path == "turns" else rows(changed) if path == "rows" else subscribe()
        )
        start("200 OK", [("Content-Type", "application/json")])
        return [json.dumps(figures).encode()]

    wsgi.server(eventlet.listen(("127.0.0.1", port)), answer, log_output=False)


def main(folder: str, bus: str, name: str, port: str, *without: str) -> None:
    configure(folder, bus, name)
    from congress_runtime import collector  # noqa: PLC0415

    collector.start()
    apply(name, without)
    from congress import harness  # noqa: PLC0415
    from congress.api import application, base  # noqa: PLC0415
    from congress.db import datasources  # noqa: PLC0415

    if name == "datasources":
        datasources.add_datasource("pushed", "pushed", "doctor", {}, "", True)  # noqa: FBT003
        harness.create2(name, "bus", policy_engine=False, api=False)
        serve(int(port), None, Turns())
    else:
        services = harness.create2(name, "bus", datasources=False)
        app = application.ApiApplication(services["api_service"])
        serve(int(port), app, Turns(), services[base.ENGINE_SERVICE_ID])


main(*sys.argv[1:])
