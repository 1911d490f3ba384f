# ruff: noqa: FBT003 (as the libraries have it)
"""Run by the Python that Congress is installed in: a datasource node with bad datasources among good ones.

usage: bad_datasources.py FOLDER SCENARIO [upstream]: with `upstream` as upstream alone does it.
Prints one JSON object, what was seen. The log is FOLDER/log.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from types import SimpleNamespace
from typing import Any, ClassVar

from tests.congress_runtime.support import congress_node

# isort: split
import eventlet
from congress import harness
from congress.api import base as api_base
from congress.datasources import constants
from congress.datasources.datasource_driver import PollingDataSourceDriver
from congress.db import datasources
from congress.dse2.dse_node import DseNode
from oslo_config import cfg

PASSWORD = 'it\'s "s3cret" \\ ü %s %'
CLOUD = {"username": "ours", "password": PASSWORD, "project_name": "ours", "auth_url": "set below"}
DRIVERS_THAT_LOG_IN = ("glancev2", "heat", "aodh", "monasca")
VALUE = {"translation-type": "VALUE"}


class Fickle(PollingDataSourceDriver):  # type: ignore[misc]
    """What it does while it is made and while it polls is for a scenario to say."""

    made: ClassVar[dict[str, Any]] = {}
    polled: ClassVar[dict[str, Any]] = {}
    TRANSLATORS: ClassVar = [
        {
            "translation-type": "HDICT",
            "table-name": "things",
            "selector-type": "DICT_SELECTOR",
            "field-translators": ({"fieldname": "name", "translator": VALUE},),
        }
    ]

    def __init__(self, name: str = "", args: Any = None) -> None:
        super().__init__(name, args=args)
        Fickle.made.get(name, lambda _: None)(args)
        self._init_end_start_poll()

    @staticmethod
    def get_datasource_info() -> dict[str, Any]:
        names = ("auth_url", "password", "poll_time", "persist_data")
        config = dict.fromkeys(names, constants.OPTIONAL)
        return {"id": "fickle", "description": "for tests", "config": config, "secret": ["password"]}

    def update_from_datasource(self) -> None:
        rows = Fickle.polled.get(self.name, lambda: [{"name": "one"}])()
        self._update_state("things", self.convert_objs(rows, self.TRANSLATORS[0]))


def hang(*_: object) -> None:
    eventlet.sleep(1000)


def fail(*_: object) -> None:
    raise RuntimeError(f"the cloud says no to {PASSWORD!r} and {PASSWORD}")


def known(name: str, driver: str = "fickle", **config: Any) -> str:
    """Put a datasource into the database; its id."""
    secret = ["password"] if "password" in config else []
    datasources.add_datasource(f"id-of-{name}", name, driver, config, "", True, secret_config_fields=secret)
    return f"id-of-{name}"


class Node:
    def __init__(self) -> None:
        self.node = DseNode(cfg.CONF, "node", [], partition_id="bus")
        load = DseNode.load_drivers

        def load_drivers() -> None:
            load()
            DseNode.loaded_drivers["fickle"] = SimpleNamespace(name="fickle", plugin=Fickle)

        DseNode.load_drivers = load_drivers

    def serves(self) -> bool:
        """Begin as a datasource node does; whether it is complete soon."""
        try:
            with eventlet.Timeout(congress_node.PATIENCE / 2):
                harness.create2(existing_node=self.node, policy_engine=False, api=False, datasources=True)
        except (eventlet.Timeout, SystemExit):
            return False
        return self.node.service_object(api_base.DS_MANAGER_SERVICE_ID) is not None

    def synchronize(self) -> None:
        """A round, as there is one each datasource_sync_period; what it raises ends it alone."""
        manager = self.node.service_object(api_base.DS_MANAGER_SERVICE_ID)
        with contextlib.suppress(Exception), eventlet.Timeout(congress_node.PATIENCE, False):
            manager.synchronizer.synchronize_all_datasources()

    def polls(self, name: str) -> bool:
        """Whether it polls within a few seconds."""
        return bool(congress_node.until(lambda: self.updates(name)))

    def updates(self, name: str) -> int:
        return getattr(self.node.service_object(name), "number_of_updates", 0)


def begins() -> dict[str, Any]:
    """A failover while one cloud hangs, one driver raises, one is not there."""
    cloud = congress_node.Hanging()
    bad = [known(driver, driver, **{**CLOUD, "auth_url": cloud.url}) for driver in DRIVERS_THAT_LOG_IN]
    bad += [known("raises", password=PASSWORD), known("lost", "none such")]
    known("good")
    Fickle.made = {"raises": fail}
    node = Node()
    seen: dict[str, Any] = {"serves": node.serves()}
    if seen["serves"]:
        seen["good is polled"] = node.polls("good")
        api = congress_node.Api(node.node)
        seen["status"] = {
            id_: api.ask("GET", f"/v1/data-sources/{id_}/status") for id_ in [*bad, "id-of-good"]
        }
        seen["rows"] = api.ask("GET", "/v1/data-sources/id-of-raises/tables/things/rows")
        seen["schema"] = api.ask("GET", "/v1/data-sources/id-of-raises/schema")
    return seen


def creation() -> dict[str, Any]:
    """What is told to who creates a bad one, and what remains of it."""
    Fickle.made = {"raises": fail, "hangs": hang}
    node = Node()
    node.serves()
    api = congress_node.Api(node.node)

    def create(name: str, driver: str = "fickle") -> Any:
        body = {
            "name": name,
            "driver": driver,
            "config": {"auth_url": "http://a.cloud", "password": PASSWORD},
        }
        with eventlet.Timeout(congress_node.PATIENCE / 2, False):
            return api.ask("POST", "/v1/data-sources", body)

    waits = eventlet.spawn(create, "hangs")
    congress_node.until(lambda: node.node.service_object("hangs"))
    seen: dict[str, Any] = {"good": create("good"), "a second good": create("good"), "hangs": waits.wait()}
    seen |= {"raises": create("raises"), "unknown": create("unknown", "none such")}
    seen["remain"] = sorted(found.name for found in datasources.get_datasources())
    running = [service.service_id for service in node.node.get_services()]
    return {**seen, "run": sorted(running), "good is polled": node.polls("good")}


def delete(api: congress_node.Api, name: str) -> Any:
    ids = [found.id for found in datasources.get_datasources() if found.name == name]
    with eventlet.Timeout(congress_node.PATIENCE / 2, False):
        return api.ask("DELETE", f"/v1/data-sources/{ids[0]}")


def heals() -> dict[str, Any]:
    """One that cannot be made until its cloud is back; one that is asked for at once by a refresh."""
    from congress_runtime.patches import unmade  # noqa: PLC0415

    known("back", password=PASSWORD), known("asked", password=PASSWORD)
    Fickle.made = {"back": fail, "asked": fail}
    node = Node()
    node.serves()
    api = congress_node.Api(node.node)
    before = [
        api.ask("GET", f"/v1/data-sources/id-of-{name}/status")[1]["last_error"] for name in Fickle.made
    ]
    Fickle.made = {"asked": fail}
    seen: dict[str, Any] = {"before": before, "back is polled": node.polls("back")}
    asked = node.node.service_object("asked")
    pauses: list[float] = []

    def grown() -> bool:
        pauses.append(float(asked.last_error.split()[-2]))
        return pauses[-1] > 2 * max(pauses[0], 0.5)

    seen["pauses grow"] = bool(congress_node.until(grown)) and pauses == sorted(pauses)
    unmade.FIRST = 1000.0
    Fickle.made = {}
    seen["refresh"] = api.ask("POST", "/v1/data-sources/id-of-asked?action=request-refresh")
    return {**seen, "asked is polled": node.polls("asked"), "rows": rows(api, "asked")}


def rows(api: congress_node.Api, name: str) -> Any:
    return api.ask("GET", f"/v1/data-sources/id-of-{name}/tables/things/rows")


def removed() -> dict[str, Any]:
    """Deleted while they are made or polled; a name that is given anew."""
    known("made"), known("polled"), known("renamed")
    Fickle.made, Fickle.polled = {"made": hang}, {"polled": hang}
    node = Node()
    node.serves()
    api = congress_node.Api(node.node)
    seen: dict[str, Any] = {"deleted": [delete(api, name) for name in ("made", "polled")]}
    datasources.delete_datasource("id-of-renamed")
    datasources.add_datasource("another", "renamed", "fickle", {}, "", True)
    node.synchronize()
    seen["another of the name"] = node.node.service_object(uuid_="another") is not None
    seen["renamed is polled"] = node.polls("renamed")
    Fickle.made = {}
    node.synchronize()
    return {**seen, "run": sorted(service.service_id for service in node.node.get_services())}


def round_goes_on() -> dict[str, Any]:
    """A later round of synchronisation: one raises, what comes after it is made and what was deleted ends."""
    known("deleted")
    node = Node()
    node.serves()
    # What the scenario begins with is waited for longer than its result: this machine may be busy.
    assert congress_node.until(lambda: node.updates("deleted"), 3 * congress_node.PATIENCE)
    Fickle.made = {"raises": fail}
    known("raises", password=PASSWORD), known("after")
    datasources.delete_datasource("id-of-deleted")
    node.synchronize()
    seen = {"after is polled": node.polls("after")}
    return {**seen, "deleted is there": node.node.service_object("deleted") is not None}


def request_hangs() -> dict[str, Any]:
    """Deleted while a request to it hangs; others are made meanwhile."""
    known("asked"), known("other")
    node = Node()
    node.serves()
    api = congress_node.Api(node.node)
    node.polls("asked")
    node.node.service_object("asked").get_row_data = hang
    eventlet.spawn(rows, api, "asked")
    eventlet.sleep(0.5)
    seen = {"deleted": delete(api, "asked")}
    Fickle.made = {}
    known("later")
    node.synchronize()
    return {**seen, "later is polled": node.polls("later")}


def told_to_stop() -> dict[str, Any]:
    """SIGTERM while a driver is being made."""
    from congress_runtime.patches import stop  # noqa: PLC0415
    from oslo_service.service import ServiceLauncher  # noqa: PLC0415

    stop.apply()
    known("hangs")
    Fickle.made = {"hangs": hang}
    Node().serves()
    print(json.dumps({"begins": True}), flush=True)
    ServiceLauncher._graceful_shutdown(None)  # noqa: SLF001
    return {"ended": False}


SCENARIOS = {
    what.__name__: what
    for what in (begins, creation, heals, removed, round_goes_on, request_hangs, told_to_stop)
}


def main(folder: str, scenario: str, *words: str) -> None:
    congress_node.configure(folder)
    if words:
        congress_node.PATIENCE = 4.0
    else:
        from congress_runtime.patches import isolation, unmade  # noqa: PLC0415

        unmade.LIMIT, unmade.FIRST = 1.5, 0.5
        isolation.apply()
    print(json.dumps(SCENARIOS[scenario]()), flush=True)
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
