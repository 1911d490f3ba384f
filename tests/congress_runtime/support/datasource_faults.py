# ruff: noqa: FBT003 (as the libraries have it)
"""Runs in Congress's virtual environment: a datasource node with bad and good datasources.

usage: datasource_faults.py FOLDER SCENARIO [upstream]: with `upstream`, without our patches.
Prints the observations as one JSON object. The log is FOLDER/log.
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


class FakeDriver(PollingDataSourceDriver):  # type: ignore[misc]
    """A driver whose behaviour a scenario sets: datasource name -> function.

    `at_creation`: called with the configuration when the driver is created. `at_poll`: returns the things polled.
    """

    at_creation: ClassVar[dict[str, Any]] = {}
    at_poll: ClassVar[dict[str, Any]] = {}
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
        FakeDriver.at_creation.get(name, lambda _: None)(args)
        self._init_end_start_poll()

    @staticmethod
    def get_datasource_info() -> dict[str, Any]:
        names = ("auth_url", "password", "poll_time", "persist_data")
        config = dict.fromkeys(names, constants.OPTIONAL)
        return {"id": "fickle", "description": "for tests", "config": config, "secret": ["password"]}

    def update_from_datasource(self) -> None:
        rows = FakeDriver.at_poll.get(self.name, lambda: [{"name": "one"}])()
        self._update_state("things", self.convert_objs(rows, self.TRANSLATORS[0]))


def hang(*_: object) -> None:
    eventlet.sleep(1000)


def fail(*_: object) -> None:
    raise RuntimeError(f"the cloud says no to {PASSWORD!r} and {PASSWORD}")


def add_datasource(name: str, driver: str = "fickle", **config: Any) -> str:
    """Add a datasource to the database and return its id."""
    secret = ["password"] if "password" in config else []
    datasources.add_datasource(f"id-of-{name}", name, driver, config, "", True, secret_config_fields=secret)
    return f"id-of-{name}"


class Node:
    def __init__(self) -> None:
        self.node = DseNode(cfg.CONF, "node", [], partition_id="bus")
        load = DseNode.load_drivers

        def load_drivers() -> None:
            load()
            DseNode.loaded_drivers["fickle"] = SimpleNamespace(name="fickle", plugin=FakeDriver)

        DseNode.load_drivers = load_drivers

    def serves(self) -> bool:
        """Start as a datasource node does. Whether the node is complete within half of TIMEOUT."""
        try:
            with eventlet.Timeout(congress_node.TIMEOUT / 2):
                harness.create2(existing_node=self.node, policy_engine=False, api=False, datasources=True)
        except (eventlet.Timeout, SystemExit):
            return False
        return self.node.service_object(api_base.DS_MANAGER_SERVICE_ID) is not None

    def synchronize(self) -> None:
        """Run a round of synchronisation, as every datasource_sync_period. An error ends only this round."""
        manager = self.node.service_object(api_base.DS_MANAGER_SERVICE_ID)
        with contextlib.suppress(Exception), eventlet.Timeout(congress_node.TIMEOUT, False):
            manager.synchronizer.synchronize_all_datasources()

    def polls(self, name: str) -> bool:
        """Whether the datasource polls within TIMEOUT."""
        return bool(congress_node.until(lambda: self.updates(name)))

    def updates(self, name: str) -> int:
        return getattr(self.node.service_object(name), "number_of_updates", 0)


def begins() -> dict[str, Any]:
    """A failover while one cloud hangs, one driver raises an exception and one driver does not exist."""
    cloud = congress_node.SilentCloud()
    bad = [
        add_datasource(driver, driver, **{**CLOUD, "auth_url": cloud.url}) for driver in DRIVERS_THAT_LOG_IN
    ]
    bad += [add_datasource("raises", password=PASSWORD), add_datasource("lost", "none such")]
    add_datasource("good")
    FakeDriver.at_creation = {"raises": fail}
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
    """The answers to the creation of bad datasources, and what remains of them."""
    FakeDriver.at_creation = {"raises": fail, "hangs": hang}
    node = Node()
    node.serves()
    api = congress_node.Api(node.node)

    def create(name: str, driver: str = "fickle") -> Any:
        body = {
            "name": name,
            "driver": driver,
            "config": {"auth_url": "http://a.cloud", "password": PASSWORD},
        }
        with eventlet.Timeout(congress_node.TIMEOUT / 2, False):
            return api.ask("POST", "/v1/data-sources", body)

    waits = eventlet.spawn(create, "hangs")
    congress_node.until(lambda: node.node.service_object("hangs"))
    seen: dict[str, Any] = {"good": create("good"), "a second good": create("good"), "hangs": waits.wait()}
    seen |= {"raises": create("raises"), "unknown": create("unknown", "none such")}
    seen["remain"] = sorted(datasource.name for datasource in datasources.get_datasources())
    running = [service.service_id for service in node.node.get_services()]
    return {**seen, "run": sorted(running), "good is polled": node.polls("good")}


def delete(api: congress_node.Api, name: str) -> Any:
    ids = [datasource.id for datasource in datasources.get_datasources() if datasource.name == name]
    with eventlet.Timeout(congress_node.TIMEOUT / 2, False):
        return api.ask("DELETE", f"/v1/data-sources/{ids[0]}")


def heals() -> dict[str, Any]:
    """A driver that cannot be created until its cloud is back; another that a refresh request creates at once."""
    from congress_runtime.patches import unmade  # noqa: PLC0415

    add_datasource("back", password=PASSWORD), add_datasource("asked", password=PASSWORD)
    FakeDriver.at_creation = {"back": fail, "asked": fail}
    node = Node()
    node.serves()
    api = congress_node.Api(node.node)
    before = [
        api.ask("GET", f"/v1/data-sources/id-of-{name}/status")[1]["last_error"]
        for name in FakeDriver.at_creation
    ]
    FakeDriver.at_creation = {"asked": fail}
    seen: dict[str, Any] = {"before": before, "back is polled": node.polls("back")}
    asked = node.node.service_object("asked")
    pauses: list[float] = []

    def grown() -> bool:
        pauses.append(float(asked.last_error.split()[-2]))
        return pauses[-1] > 2 * max(pauses[0], 0.5)

    seen["pauses grow"] = bool(congress_node.until(grown)) and pauses == sorted(pauses)
    unmade.FIRST_PAUSE = 1000.0
    FakeDriver.at_creation = {}
    seen["refresh"] = api.ask("POST", "/v1/data-sources/id-of-asked?action=request-refresh")
    return {**seen, "asked is polled": node.polls("asked"), "rows": rows(api, "asked")}


def rows(api: congress_node.Api, name: str) -> Any:
    return api.ask("GET", f"/v1/data-sources/id-of-{name}/tables/things/rows")


def removed() -> dict[str, Any]:
    """Datasources that are deleted while they are created or polled; a name that is used again."""
    add_datasource("made"), add_datasource("polled"), add_datasource("renamed")
    FakeDriver.at_creation, FakeDriver.at_poll = {"made": hang}, {"polled": hang}
    node = Node()
    node.serves()
    api = congress_node.Api(node.node)
    seen: dict[str, Any] = {"deleted": [delete(api, name) for name in ("made", "polled")]}
    datasources.delete_datasource("id-of-renamed")
    datasources.add_datasource("another", "renamed", "fickle", {}, "", True)
    node.synchronize()
    seen["another of the name"] = node.node.service_object(uuid_="another") is not None
    seen["renamed is polled"] = node.polls("renamed")
    FakeDriver.at_creation = {}
    node.synchronize()
    return {**seen, "run": sorted(service.service_id for service in node.node.get_services())}


def round_goes_on() -> dict[str, Any]:
    """A later round of synchronisation: one driver raises; later datasources are created and a deleted one ends."""
    add_datasource("deleted")
    node = Node()
    node.serves()
    # What the scenario begins with is waited for longer than its result: this machine may be busy.
    assert congress_node.until(lambda: node.updates("deleted"), 3 * congress_node.TIMEOUT)
    FakeDriver.at_creation = {"raises": fail}
    add_datasource("raises", password=PASSWORD), add_datasource("after")
    datasources.delete_datasource("id-of-deleted")
    node.synchronize()
    seen = {"after is polled": node.polls("after")}
    return {**seen, "deleted is there": node.node.service_object("deleted") is not None}


def request_hangs() -> dict[str, Any]:
    """A datasource is deleted while a request to it hangs; others are created meanwhile."""
    add_datasource("asked"), add_datasource("other")
    node = Node()
    node.serves()
    api = congress_node.Api(node.node)
    node.polls("asked")
    node.node.service_object("asked").get_row_data = hang
    eventlet.spawn(rows, api, "asked")
    eventlet.sleep(0.5)
    seen = {"deleted": delete(api, "asked")}
    FakeDriver.at_creation = {}
    add_datasource("later")
    node.synchronize()
    return {**seen, "later is polled": node.polls("later")}


def stopped() -> dict[str, Any]:
    """SIGTERM while a driver is being created."""
    from congress_runtime.patches import stop  # noqa: PLC0415
    from oslo_service.service import ServiceLauncher  # noqa: PLC0415

    stop.apply()
    add_datasource("hangs")
    FakeDriver.at_creation = {"hangs": hang}
    Node().serves()
    print(json.dumps({"begins": True}), flush=True)
    ServiceLauncher._graceful_shutdown(None)  # noqa: SLF001
    return {"ended": False}


SCENARIOS = {
    what.__name__: what for what in (begins, creation, heals, removed, round_goes_on, request_hangs, stopped)
}


def main(folder: str, scenario: str, *words: str) -> None:
    congress_node.configure(folder)
    if words:
        congress_node.TIMEOUT = 4.0
    else:
        from congress_runtime.patches import isolation, unmade  # noqa: PLC0415

        unmade.LIMIT, unmade.FIRST_PAUSE = 1.5, 0.5
        isolation.apply()
    print(json.dumps(SCENARIOS[scenario]()), flush=True)
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
