"""A small keystone and nova for the fence agent: real HTTP, and servers that change as real ones do."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SECRET = "the-secret-of-the-credential"
TOKEN = "the-token-of-keystone"
# Nova's numbers of the hypervisor's power states.
RUNNING, POWER = 1, {"PAUSED": 3, "SHUTOFF": 4, "SUSPENDED": 7}
# As check_instance_state in nova/compute/api.py.
FROM = {"pause": {"ACTIVE"}, "os-stop": {"ACTIVE", "ERROR"}, "os-start": {"SHUTOFF"}}
ONE, TWO = "11111111-aaaa-4aaa-8aaa-111111111111", "22222222-bbbb-4bbb-8bbb-222222222222"


# Security groups: of the pair, and the one that opens the probed ports; id -> name.
GROUP, PROBE_GROUP = "44444444-dddd-4ddd-8ddd-444444444444", "55555555-eeee-4eee-8eee-555555555555"
NAMES = {GROUP: "congress-dev-datasource-node", PROBE_GROUP: "congress-dev-bastion"}


@dataclass
class Server:
    """`pending`: the next result of the compute host: (requests until it is complete, status, result)."""

    status: str = "ACTIVE"
    task: str | None = None
    pending: tuple[int, str, str] | None = None
    results: dict[str, str] = field(default_factory=dict)
    request: str = ""
    host_status: str = ""  # shown where the policy lets it
    runs_on: bool = False  # its hypervisor cannot end the guest, and says so
    groups: list[str] = field(default_factory=lambda: [GROUP])

    def look(self) -> dict[str, Any]:
        if self.pending is not None:
            looks, status, result = self.pending
            self.pending = (looks - 1, status, result)
            if looks <= 0:
                self.end(status, result)
        shown: dict[str, Any] = {"host_status": self.host_status} if self.host_status else {}
        if self.groups:
            shown["security_groups"] = [{"name": NAMES.get(group, group)} for group in self.groups]
        power = RUNNING if self.runs_on else POWER.get(self.status, RUNNING)
        states = {"OS-EXT-STS:task_state": self.task, "OS-EXT-STS:power_state": power}
        return {"status": self.status, **states, **shown}

    def end(self, status: str, result: str) -> None:
        self.status, self.task, self.pending, self.runs_on = status, None, None, False
        self.results[self.request] = result


@dataclass
class Cloud:
    """Settings and results of the tests.

    `lag`: seconds before a request is processed. `takes`: seconds that a compute host needs for an action, instead of
    the requests in `ends`; then `ended` is called.
    """

    servers: dict[str, Server] = field(default_factory=lambda: {ONE: Server(), TWO: Server()})
    actions: list[tuple[str, str]] = field(default_factory=list)
    # The result of an accepted action: (requests, status, result); without an entry: refused with a conflict.
    ends: dict[str, tuple[int, str, str]] = field(
        default_factory=lambda: {
            "pause": (2, "PAUSED", "Success"),
            "reboot": (3, "ACTIVE", "Success"),
            "os-stop": (3, "SHUTOFF", "Success"),
            "os-start": (3, "ACTIVE", "Success"),
        }
    )
    # Changes of `ends` by an action, for later actions.
    then: dict[str, dict[str, tuple[int, str, str]]] = field(default_factory=dict)
    allowed: bool = True
    refused: str = ""  # action that the policy forbids
    faults: list[int] = field(default_factory=list)
    secret: str = SECRET
    regions: tuple[str, ...] = ("RegionOne", "RegionTwo")
    url: str = ""
    lag: float = 0.0
    joined: Callable[[str, str], None] = lambda server_id, action: None  # noqa: ARG005 - after a change of groups
    group_faults: list[int] = field(default_factory=list)  # of neutron, before it changes groups again
    takes: float | None = None
    ended: Callable[[str, str], None] = lambda server_id, status: None  # noqa: ARG005

    def reply(self, method: str, path: str, body: Any) -> tuple[int, dict[str, str], Any]:
        time.sleep(self.lag)
        if self.faults:
            return self.faults.pop(0), {}, {"computeFault": {"message": "not now"}}
        if path == "/v3/auth/tokens":
            return self._token(body)
        if not self.allowed:
            return 401, {}, {"error": {"message": "The request you have made requires authentication."}}
        server_id, _, rest = path.removeprefix("/v2.1/servers/").partition("/")
        server = self.servers.get(server_id)
        if server is None:
            return 404, {}, {"itemNotFound": {"message": f"Instance {server_id} could not be found."}}
        return self._act(server_id, server, body) if method == "POST" else (200, {}, self._show(server, rest))

    def _show(self, server: Server, rest: str) -> Any:
        if not rest:
            return {"server": server.look()}
        assert rest.startswith("os-instance-actions/")
        server.look()
        result = server.results.get(rest.partition("/")[2])
        return {"instanceAction": {"events": [{"result": result}]}}

    def _token(self, body: Any) -> tuple[int, dict[str, str], Any]:
        if body["auth"]["identity"]["application_credential"]["secret"] != self.secret:
            return 401, {}, {"error": {"message": "The request you have made requires authentication."}}
        endpoints = [
            {"interface": interface, "region": region, "url": f"{self.url}/v2.1"}
            for region in self.regions
            for interface in ("public", "internal")
        ]
        return (
            201,
            {"X-Subject-Token": TOKEN},
            {"token": {"catalog": [{"type": "compute", "endpoints": endpoints}]}},
        )

    def _act(self, server_id: str, server: Server, body: Any) -> tuple[int, dict[str, str], Any]:
        action = next(iter(body))
        if body == {"reboot": {"type": "NONE"}}:
            return 400, {}, {"badRequest": {"message": "Invalid input for field/attribute type."}}
        if action.endswith("SecurityGroup"):
            return self._change_group(server_id, server, action, body[action]["name"])
        if action == self.refused:
            return 403, {}, {"forbidden": {"message": f"Policy doesn't allow {action} to be performed."}}
        # Nova refuses actions that the state does not allow; a hard reboot may follow a pause that hangs.
        busy = server.task not in ((None, "pausing") if action == "reboot" else (None,))
        wrong = server.status not in FROM.get(action, {server.status})
        if action not in self.ends or busy or wrong:
            return 409, {}, {"conflictingRequest": {"message": f"Cannot '{action}' while it is locked"}}
        self.actions.append((server_id, action))
        took = self.ends[action]
        self.ends |= self.then.get(action, {})
        server.request = f"req-{len(self.actions)}"
        if self.takes is None:
            server.pending = took
        else:
            threading.Timer(self.takes, self._end, (server_id, *took[1:])).start()
        server.task = {"pause": "pausing", "reboot": "rebooting_hard"}.get(action, "powering-off")
        return 202, {"x-compute-request-id": server.request}, None

    def _change_group(
        self, server_id: str, server: Server, action: str, group: str
    ) -> tuple[int, dict[str, str], Any]:
        """As nova/network/security_group_api.py: by id or name, and without the compute host."""
        if self.group_faults:
            return self.group_faults.pop(0), {}, {"computeFault": {"message": "neutron does not answer"}}
        if action == self.refused:
            return 403, {}, {"forbidden": {"message": f"Policy doesn't allow {action} to be performed."}}
        id_ = next((id_ for id_, name in NAMES.items() if group in (id_, name)), group)
        present = id_ in server.groups
        if action == "removeSecurityGroup" and not present:
            return 404, {}, {"itemNotFound": {"message": f"Security group {group} not associated"}}
        self.actions.append((server_id, f"{action[:-13]} {NAMES.get(id_, id_)}"))
        server.groups = [g for g in server.groups if g != id_] + ([id_] if action.startswith("add") else [])
        self.joined(server_id, action)
        return 202, {"x-compute-request-id": f"req-{len(self.actions)}"}, None

    def _end(self, server_id: str, status: str, result: str) -> None:
        self.servers[server_id].end(status, result)
        self.ended(server_id, status)


@contextmanager
def serving(cloud: Cloud) -> Iterator[Cloud]:
    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            authentic = self.path == "/v3/auth/tokens" or self.headers["X-Auth-Token"] == TOKEN
            status, headers, reply = (
                cloud.reply(self.command, self.path, body) if authentic else (401, {}, None)
            )
            text = b"" if reply is None else json.dumps(reply).encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(text)))
            # The client may have given up by now.
            with suppress(ConnectionError):
                self.end_headers()
                self.wfile.write(text)

        do_GET = do_POST = answer  # noqa: N815 (http.server's names)

        def log_message(self, *_: Any) -> None:
            """Keep the tests' output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    cloud.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield cloud
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
