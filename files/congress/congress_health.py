# ruff: noqa: INP001 (a module of Congress's virtual environment, not of this project)
"""GET /health: whether this engine can serve, told without a token and without data.

Once a second the engine's process does what GET /v1/policies does (congress.api.policy_model): a call over the message
bus to this node's policy engine, which reads the database. /health tells what came of the last one: 200, or 503. So
however often it is asked, it costs neither bus nor database; it may stand outside of authtoken in api-paste.ini, and
is as honest with keystone as without.

Slow is not lost. While the loop stands still, because a policy is evaluated or rows are taken in, nothing is
answered, /health included, and congress_drain, a process of its own, judges that. Here waiting is counted in turns
of the loop, so that such a pause costs one of them. And when the call is not answered though the loop turns, bus and
database are asked one by one: a call that waits for a lock of the database makes an engine slow, and no more.
"""

from collections.abc import Callable
from typing import Any, ClassVar

import eventlet
import sqlalchemy
from congress.api import base
from congress.service import congress_app_factory
from eventlet.greenthread import GreenThread
from oslo_config import cfg
from oslo_log import log
from sqlalchemy.pool import NullPool

LOG = log.getLogger(__name__)

PAUSE = 1.0
# Turns of the loop, each of at least so many seconds, in which a question is to be answered.
TURNS, TURN = 20, 0.1
# Seconds until a call that nobody answers ends. There is one at a time.
TIMEOUT = 60

Headers = list[tuple[str, str]]


class Health:
    """`bus`: Congress's API service in this process, through which its requests reach the engine.

    `trouble`: what keeps the engine from serving.
    """

    def __init__(self, bus: Any) -> None:
        self.bus, self.trouble = bus, "nothing is known yet"
        database = sqlalchemy.create_engine(cfg.CONF.database.connection, poolclass=NullPool)
        model = base.APIModel("health", bus=bus)

        def call(method: str) -> None:
            model.invoke_rpc(base.ENGINE_SERVICE_ID, method, {}, timeout=TIMEOUT)

        def connect() -> None:
            with database.connect() as link:
                link.execute(sqlalchemy.text("SELECT 1"))

        self.questions: dict[str, Callable[[], None]] = {
            "the policy engine": lambda: call("persistent_get_policies"),
            "the message bus": lambda: call("ping"),
            "the database": connect,
        }
        self.under_way: dict[str, GreenThread] = {}

    def watch(self) -> None:
        while True:
            trouble = self.look()
            if trouble and trouble != self.trouble:
                LOG.warning("this engine cannot serve: %s", trouble)
            self.trouble = trouble
            eventlet.sleep(PAUSE)

    def look(self) -> str:
        engine, *others = self.questions
        trouble = self.ask(engine)
        if trouble is not None:
            return trouble
        for other in others:
            trouble = self.ask(other)
            if trouble is None:
                return f"no answer from {other}"
            if trouble:
                return trouble
        return ""

    def ask(self, what: str) -> str | None:
        """What went wrong; None without an answer, and then the question stays under way."""
        old = self.under_way.pop(what, None)
        question = old or eventlet.spawn(trouble_of, self.questions[what])
        for _ in range(TURNS):
            with eventlet.Timeout(TURN, exception=False):
                trouble: str = question.wait()
                # What an old question failed with may be over.
                return self.ask(what) if old and trouble else trouble
        self.under_way[what] = question
        return None


def trouble_of(question: Callable[[], None]) -> str:
    try:
        question()
    except Exception as error:  # noqa: BLE001 - whatever it is, this engine cannot serve
        return f"{type(error).__name__}: {error}".splitlines()[0]
    return ""


class Application:
    """`health`: of the one engine in this process."""

    health: ClassVar[Health]

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
        return "503 Service Unavailable" if self.health.trouble else "200 OK"


def api_factory(global_conf: dict[str, str], **local_conf: str) -> Any:
    """[app:congress_api]: Congress's own, as upstream makes it; health learns its way to the bus."""
    application = congress_app_factory(global_conf, **local_conf)
    Application.health = Health(application.resource_mgr)
    eventlet.spawn(Application.health.watch)
    return application


def health_factory(_global_conf: dict[str, str], **_local_conf: str) -> Application:
    """[app:health]."""
    return Application()
