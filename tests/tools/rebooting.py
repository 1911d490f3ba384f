"""Nova's part in a hard reboot, as reboot_instance and pause_instance in nova/compute/manager.py do it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from unittest.mock import MagicMock, create_autospec

import requests
from openstack.compute.v2.server import Server
from openstack.connection import Connection
from openstack.exceptions import ResourceTimeout

HARD = {"reboot": {"type": "HARD"}}
REQUEST = "x-compute-request-id"


@dataclass
class Nova:
    """One server. `destroys`: the hypervisor ends its guest; `answers`: its compute host takes orders."""

    status: str = "ACTIVE"
    destroys: bool = True
    pauses: bool = True
    answers: bool = True
    old_guest: bool = True
    result: str | None = None

    def get_server(self, id_: str) -> Server:
        return Server(id=id_, status=self.status)

    def pause_server(self, _: str) -> None:
        if self.pauses:
            self.status = "PAUSED"

    def wait_for_server(self, _: Server, status: str, wait: float) -> None:
        assert wait >= 0
        if self.status != status:
            raise ResourceTimeout(f"still {self.status}")

    def post(self, path: str, *, json: Any, microversion: str) -> requests.Response:
        assert (path, json, microversion) == ("/servers/server-database/action", HARD, "2.51")
        if self.answers and self.destroys:
            self.status, self.result, self.old_guest = "ACTIVE", "Success", False
        elif self.answers and self.status == "ACTIVE":
            # "Reboot failed but instance is running"
            self.result = "Success"
        elif self.answers:
            self.status, self.result = "ERROR", "Error"
        return response(202, {}, {REQUEST: "req-1"})

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
