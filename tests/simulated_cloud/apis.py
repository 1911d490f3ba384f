"""The APIs of a simulated cloud as Congress's drivers ask them: keystone, nova, neutron, glance.

Nothing is behind them. Pages are as the services have them by default: nova gives 1000 servers a page
(`[api] max_limit`), glance 25 images (`limit_param_default`), neutron and keystone all there is.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from tests.simulated_cloud.cloud import CREATED, Cloud, Item

NOVA_PAGE, GLANCE_PAGE = 1000, 25
VERSIONS = {"identity": "v3", "compute": "v2.1", "network": "v2.0", "image": "v2"}


def page(items: Sequence[Item], query: dict[str, list[str]], limit: int) -> tuple[Sequence[Item], str | None]:
    """The items after `marker`, `limit` at most; the marker of the next page, None at the end."""
    size = min(int(query.get("limit", [str(limit)])[0]), limit)
    first = 0
    if marker := query.get("marker"):
        first = 1 + next(index for index, item in enumerate(items) if item["id"] == marker[0])
    selected = items[first : first + size]
    return selected, selected[-1]["id"] if first + size < len(items) else None


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def log_message(self, *_: object) -> None:
        """Nothing: a poll of a large cloud is hundreds of requests."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path != "/identity/v3/auth/tokens":
            self._answer(HTTPStatus.NOT_FOUND, {})
            return
        catalog = [
            {
                "type": type_,
                "name": type_,
                "id": type_,
                "endpoints": [
                    {
                        "id": type_,
                        "interface": "public",
                        "region": "R",
                        "region_id": "R",
                        "url": self.server.url(type_),
                    }
                ],
            }
            for type_ in VERSIONS
        ]
        token = {"methods": ["password"], "expires_at": "2099-01-01T00:00:00.000000Z", "issued_at": CREATED}
        user = {"id": "u", "name": "u", "domain": {"id": "default", "name": "Default"}}
        self._answer(
            HTTPStatus.CREATED,
            {"token": token | {"user": user, "catalog": catalog}},
            {"X-Subject-Token": "token"},
        )

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        service, *rest = url.path.strip("/").split("/")
        if not rest or rest == [VERSIONS.get(service)]:
            self._answer(HTTPStatus.OK, self._versions(service, rest))
            return
        if rest[1:2] == ["schemas"]:  # the client makes its classes of them
            self._answer(HTTPStatus.OK, {"name": rest[-1], "properties": {}, "additionalProperties": True})
            return
        path = f"{service}/{rest[1].removesuffix('.json')}" if len(rest) > 1 else ""
        items = self.server.cloud.items.get(path)
        if items is None:
            self._answer(HTTPStatus.NOT_FOUND, {"error": {"message": self.path, "code": 404}})
            return
        self._answer(HTTPStatus.OK, self._listed(path, items, parse_qs(url.query)))

    def _listed(self, path: str, items: list[Item], query: dict[str, list[str]]) -> Item:
        key = {
            "compute/os-hypervisors": "hypervisors",
            "compute/os-services": "services",
            "compute/os-availability-zone": "availabilityZoneInfo",
        }.get(path, path.split("/")[1].replace("-", "_"))
        if path == "compute/flavors" and query.get("is_public") != ["None"]:
            items = [flavor for flavor in items if flavor["os-flavor-access:is_public"]]
        if path in {"compute/servers", "compute/flavors"}:
            selected, marker = page(items, query, NOVA_PAGE)
            more = f"{self.server.url('compute')}/{key}/detail?{urlencode({'marker': marker})}"
            return {key: selected, **({f"{key}_links": [{"rel": "next", "href": more}]} if marker else {})}
        if path == "image/images":
            selected, marker = page(items, query, GLANCE_PAGE)
            next_ = {"next": f"/v2/images?{urlencode({'marker': marker})}"} if marker else {}
            return {key: selected, **next_}
        return {key: items}

    def _versions(self, service: str, rest: list[str]) -> Item:
        version = {
            "id": VERSIONS.get(service),
            "status": "stable" if service == "identity" else "CURRENT",
            "links": [{"rel": "self", "href": f"{self.server.base}/{service}/{VERSIONS.get(service)}/"}],
            **({"version": "2.93", "min_version": "2.1"} if service == "compute" else {}),
        }
        if rest:
            return {"version": version}
        return {"versions": {"values": [version]} if service == "identity" else [version]}

    def _answer(self, status: HTTPStatus, body: Item, headers: dict[str, str] | None = None) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        for name, value in {
            "Content-Type": "application/json",
            "Content-Length": str(len(data)),
            **(headers or {}),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, cloud: Cloud, address: str, port: int) -> None:
        super().__init__((address, port), Handler)
        self.cloud = cloud
        self.base = f"http://{address}:{self.server_port}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A driver that is ended in the middle of a poll hangs up; that is no error of the cloud."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    def url(self, service: str) -> str:
        """Endpoint of a service, as the catalog has it: neutron's and glance's without their version."""
        versioned = service in {"identity", "compute"}
        return f"{self.base}/{service}" + (f"/{VERSIONS[service]}" if versioned else "")


@contextmanager
def serving(cloud: Cloud, address: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """Serve it from a thread of this process: keystone's URL."""
    server = Server(cloud, address, port)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.url("identity")
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
