"""Nova during a hard reboot, as reboot_instance and pause_instance in nova/compute/manager.py behave."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import MagicMock, create_autospec

import requests
from openstack.compute.v2.server import Server
from openstack.connection import Connection

HARD = {"reboot": {"type": "HARD"}}
POWER = {"ACTIVE": 1, "PAUSED": 3, "SHUTOFF": 4, "ERROR": 1}
REQUEST = "x-compute-request-id"


@dataclass
class Nova:
    """One server. `destroys`: the hypervisor can end its guest; `answers`: its compute host carries out actions.

    `busy`: with an order that is lost.
    """

    status: str = "ACTIVE"
    destroys: bool = True
    pauses: bool = True
    answers: bool = True
    busy: bool = False
    old_guest: bool = True
    result: str | None = None
    orders: list[str] = field(default_factory=list)

    def get_server(self, id_: str) -> Server:
        return Server(id=id_, status=self.status, power_state=POWER[self.status])

    def post(self, path: str, *, json: Any, microversion: str) -> requests.Response:
        assert (path, microversion) == ("/servers/server-database/action", "2.51")
        if ("pause" in json and self.status != "ACTIVE") or (self.busy and "reboot" not in json):
            return response(409, {}, {})
        self.orders.append(next(iter(json)))
        self.result = None
        if self.answers:
            getattr(self, f"_{self.orders[-1].replace('-', '_')}")()
        return response(202, {}, {REQUEST: "req-1"})

    def _pause(self) -> None:
        self.status, self.result = ("PAUSED", "Success") if self.pauses else ("ACTIVE", "Error")

    def _os_stop(self) -> None:
        self.status, self.result = ("SHUTOFF", "Success") if self.destroys else ("ACTIVE", "Error")
        self.old_guest = not self.destroys

    def _reboot(self) -> None:
        self.busy = False
        if self.destroys:
            self.status, self.result, self.old_guest = "ACTIVE", "Success", False
        elif self.status == "ACTIVE":
            # "Reboot failed but instance is running"
            self.result = "Success"
        else:
            self.status, self.result = "ERROR", "Error"

    def get(self, path: str, *, microversion: str) -> requests.Response:
        assert (path, microversion) == ("/servers/server-database/os-instance-actions/req-1", "2.51")
        return response(200, {"instanceAction": {"events": [{"result": self.result}]}}, {})


def response(status: int, body: Any, headers: dict[str, str]) -> requests.Response:
    made = requests.Response()
    made.status_code, made._content = status, json.dumps(body).encode()  # noqa: SLF001
    made.headers.update(headers)
    return made


def with_nova(nova: Nova) -> tuple[MagicMock, Nova]:
    cloud: MagicMock = create_autospec(Connection, instance=True)
    cloud.compute = nova
    return cloud, nova
