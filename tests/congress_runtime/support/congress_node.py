"""For scripts that are run by the Python that Congress is installed in: a whole node, asked through its API.

All of it is Congress's own, but for the bus, which is oslo.messaging's in memory, and the database, which is SQLite.
Import it first: it patches the standard library, as Congress's server does.
"""

from __future__ import annotations

import io
import json
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import eventlet

eventlet.monkey_patch()

import congress_runtime.patches.removed_names  # noqa: F401, E402  what Python removed, which congress still imports
from congress.common import config  # noqa: E402
from congress.db import api as db_api  # noqa: E402
from congress.db import model_base  # noqa: E402

PATIENCE = 20.0  # seconds

OURS = """
[DEFAULT]
transport_url = fake:/
encryption_key_path = {folder}
policy_library_path = {folder}
auth_strategy = noauth
replicated_policy_engine = True
datasource_sync_period = {period}
use_syslog = False
debug = False
[database]
connection = sqlite:///{folder}/congress.sqlite
[oslo_concurrency]
lock_path = {folder}
"""


def configure(folder: str, period: int = 1) -> None:
    file = Path(folder) / "node.conf"
    file.write_text(OURS.format(folder=folder, period=period))
    config.init(["--config-file", str(file), "--datasources", "--node-id", "node"])
    import congress.service  # noqa: F401, PLC0415  with the model of every table
    from congress import encryption  # noqa: PLC0415

    encryption.initialize_key()
    model_base.BASE.metadata.create_all(db_api.get_engine())
    # As congress_runtime.launcher does, nothing else of it: the lines that reach the journal.
    logging.basicConfig(filename=Path(folder) / "log", level=logging.INFO, force=True)


def until(condition: Callable[[], Any], seconds: float = PATIENCE) -> Any:
    """What `condition` gives as soon as that is something; None when it never is."""
    end = time.monotonic() + seconds
    while not (found := condition()) and time.monotonic() < end:
        eventlet.sleep(0.05)
    return found or None


class Hanging:
    """A cloud that accepts and never answers."""

    def __init__(self) -> None:
        self.listener = eventlet.listen(("127.0.0.1", 0))
        self.accepted: list[Any] = []
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}/v3"
        eventlet.spawn(self.accept)

    def accept(self) -> None:
        while True:
            self.accepted.append(self.listener.accept())


class Api:
    """The node's engine and API, in the same process; `ask` as a client does."""

    def __init__(self, node: Any) -> None:
        from congress import harness  # noqa: PLC0415
        from congress.api import application  # noqa: PLC0415

        services = harness.create2(existing_node=node, policy_engine=True, datasources=False, api=True)
        self.app = application.ApiApplication(services["api_service"])

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        statuses: list[str] = []
        sent, (path, _, query) = json.dumps(body).encode(), path.partition("?")
        environ = {
            "REQUEST_METHOD": method,
            "SCRIPT_NAME": "",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "SERVER_NAME": "engine",
            "SERVER_PORT": "1789",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(sent),
            "wsgi.errors": io.StringIO(),
            "CONTENT_LENGTH": str(len(sent)),
            "CONTENT_TYPE": "application/json",
        }
        answer = b"".join(self.app(environ, lambda status, *_: statuses.append(status)))
        return int(statuses[-1].split()[0]), json.loads(answer or b"null")
