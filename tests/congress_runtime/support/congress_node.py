"""For scripts that run in Congress's virtual environment: a whole node with its API.

Everything is Congress's own except the bus, which is oslo.messaging's in-memory bus, and the database, which is SQLite.
Import this module first: it patches the standard library, as Congress's server does.
"""

from __future__ import annotations

import io
import json
import logging
import time
from collections.abc import Callable, Container
from pathlib import Path
from typing import Any

import eventlet

eventlet.monkey_patch()

import congress_runtime.patches.removed_names  # noqa: F401, E402  names that congress imports and Python removed
from congress.common import config  # noqa: E402
from congress.db import api as db_api  # noqa: E402
from congress.db import model_base  # noqa: E402

TIMEOUT = 20.0  # seconds

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
    import congress.service  # noqa: F401, PLC0415  imports the model of every table
    from congress import encryption  # noqa: PLC0415

    encryption.initialize_key()
    model_base.BASE.metadata.create_all(db_api.get_engine())
    # As congress_runtime.launcher configures it: the lines that would reach the journal.
    logging.basicConfig(filename=Path(folder) / "log", level=logging.INFO, force=True)


def until(condition: Callable[[], Any], seconds: float | None = None) -> Any:
    """The result of `condition` as soon as it is true, None if it is not true within `seconds`."""
    end = time.monotonic() + (TIMEOUT if seconds is None else seconds)
    while not (result := condition()) and time.monotonic() < end:
        eventlet.sleep(0.05)
    return result or None


class SilentCloud:
    """A cloud that accepts connections and never answers."""

    def __init__(self) -> None:
        self.listener = eventlet.listen(("127.0.0.1", 0))
        self.accepted: list[Any] = []
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}/v3"
        eventlet.spawn(self.accept)

    def accept(self) -> None:
        while True:
            self.accepted.append(self.listener.accept())


class Api:
    """The node's engine and API, in the same process. `ask` sends a request as a client does."""

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


def replace_rpc(sources: Container[str], answer: Callable[[str, str], Any]) -> None:
    """Let `answer(service, method)` answer all calls to these datasources, in place of the bus."""
    from congress.dse2.dse_node import DseNode  # noqa: PLC0415

    upstream = DseNode.invoke_service_rpc

    def invoke_service_rpc(self: Any, service: str, method: str, *args: Any, **kwargs: Any) -> Any:
        if service in sources:
            return answer(service, method)
        return upstream(self, service, method, *args, **kwargs)

    DseNode.invoke_service_rpc = invoke_service_rpc
    DseNode.is_valid_service = lambda *_: True
