"""A keystone (API version 3) with a few tokens and one user who may validate them."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

CHECKER = "token-of-the-service"  # the token that every login gets
WHEN = {"issued_at": "2026-01-01T00:00:00.000000Z", "expires_at": "2099-01-01T00:00:00.000000Z"}


@dataclass
class FakeKeystone:
    """`tokens`: token -> roles of its owner. `role`: role of the user who logs in. `logins`: the received requests."""

    url: str
    password: str
    tokens: dict[str, list[str]]
    role: str = "service"
    logins: list[dict[str, Any]] = field(default_factory=list)

    @property
    def version(self) -> dict[str, Any]:
        links = [{"rel": "self", "href": self.url}]
        return {"id": "v3.14", "status": "stable", "links": links, "media-types": []}

    def about(self, name: str, roles: list[str]) -> dict[str, Any]:
        endpoints = [
            {"id": kind, "interface": kind, "region": "RegionOne", "region_id": "RegionOne", "url": self.url}
            for kind in ("public", "internal", "admin")
        ]
        domain = {"id": "default", "name": "Default"}
        return {
            "token": {
                **WHEN,
                "methods": ["password"],
                "user": {"id": f"{name}-id", "name": name, "domain": domain},
                "project": {"id": "project-id", "name": "project", "domain": domain},
                "roles": [{"id": role, "name": role} for role in roles],
                "catalog": [{"id": "k", "type": "identity", "name": "keystone", "endpoints": endpoints}],
            }
        }

    def check(self, checker: str | None, subject: str | None) -> tuple[int, dict[str, Any]]:
        """GET /v3/auth/tokens."""
        if checker != CHECKER:
            return 401, refusal(401)
        if self.role != "service":
            return 403, refusal(403)
        if subject not in self.tokens:
            return 404, refusal(404)
        return 200, self.about(subject, self.tokens[subject])

    def login(self, request: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """POST /v3/auth/tokens."""
        self.logins.append(request)
        if request["identity"]["password"]["user"]["password"] != self.password:
            return 401, refusal(401)
        return 201, self.about("congress", [self.role])


def refusal(code: int) -> dict[str, Any]:
    return {"error": {"message": "refused", "code": code}}


@contextmanager
def keystone(password: str, tokens: dict[str, list[str]], role: str = "service") -> Iterator[FakeKeystone]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.rstrip("/") == "/v3":
                self.say(200, {"version": fake.version})
            else:
                self.say(*fake.check(self.headers.get("X-Auth-Token"), self.headers.get("X-Subject-Token")))

        def do_POST(self) -> None:
            text = self.rfile.read(int(self.headers["Content-Length"]))
            self.say(*fake.login(json.loads(text)["auth"]))

        def say(self, status: int, body: object) -> None:
            text = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.send_header("X-Subject-Token", CHECKER)
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        fake = FakeKeystone(f"http://127.0.0.1:{server.server_port}/v3", password, tokens, role)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield fake
        server.shutdown()
