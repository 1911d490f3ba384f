# ruff: noqa: INP001 (a module of Congress's virtual environment, not of this project)
"""GET /health: whether this engine can serve, told without a token and without data.

In the engine's process it does what GET /v1/policies does (congress.api.policy_model): a call over the message bus to
this node's policy engine, which reads the database. 200 when that was answered, 503 when not. So it may stand outside
of authtoken in api-paste.ini, and is as honest with keystone as without. While the bus takes no messages it hangs like
every request: whoever asks sets a deadline.
"""

from collections.abc import Callable
from typing import Any, ClassVar

from congress.api import base
from congress.service import congress_app_factory
from oslo_log import log

LOG = log.getLogger(__name__)

TIMEOUT = 5  # seconds until a call that nobody answers is given up

Headers = list[tuple[str, str]]


class Health:
    """`bus`: Congress's API service in this process, through which its requests reach the engine."""

    bus: ClassVar[Any] = None

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[[str, Headers], object]
    ) -> list[bytes]:
        status = self.status(environ["REQUEST_METHOD"], environ.get("PATH_INFO", ""))
        body = f"{status}\n".encode()
        start_response(status, [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
        return [body]

    def status(self, method: str, path: str) -> str:
        if path not in {"", "/"}:
            return "404 Not Found"
        if method != "GET":
            return "405 Method Not Allowed"
        try:
            base.APIModel("health", bus=self.bus).invoke_rpc(
                base.ENGINE_SERVICE_ID, "persistent_get_policies", {}, timeout=TIMEOUT
            )
        except Exception as error:  # noqa: BLE001 - whatever it is, this engine cannot serve
            LOG.warning("this engine cannot serve: %s", f"{type(error).__name__}: {error}".splitlines()[0])
            return "503 Service Unavailable"
        return "200 OK"


def api_factory(global_conf: dict[str, str], **local_conf: str) -> Any:
    """[app:congress_api]: Congress's own, as upstream makes it; Health learns its way to the bus."""
    application = congress_app_factory(global_conf, **local_conf)
    Health.bus = application.resource_mgr
    return application


def health_factory(_global_conf: dict[str, str], **_local_conf: str) -> Health:
    """[app:health]."""
    return Health()
