"""GET /health: whether this engine can serve, told without a token and without data.

Once a second the engine's process does what GET /v1/policies does (congress.api.policy_model): a call over the message
bus to this node's policy engine, which reads the database. /health tells what came of the last one: 200, or 503. So
however often it is asked, it costs neither bus nor database; it may stand outside of authtoken in api-paste.ini, and
is as honest with keystone as without.

Slow is not lost. While the loop stands still, because a policy is evaluated or rows are taken in, nothing is
answered, /health included, and congress_drain, a process of its own, judges that. Here waiting is counted in turns
of the loop, so that such a pause costs one of them. A large message that is decoded with pauses (patches.pauses)
costs none, for the answer may be behind it. And when the call is not answered though the loop turns, bus and
database are asked one by one: a call that waits for a lock of the database makes an engine slow, and no more.

An engine that starts has its policies before it answers, but not yet the rows that they are about, nor the rules over
columns of a datasource that has not told its schema. Until it has them /health adds "loading N tables" to its 200, such
a datasource counted as one, and congress_drain lets it have hardly a request while there is another engine.
"""

import time
from collections.abc import Callable
from typing import Any, ClassVar

import eventlet
import sqlalchemy
from congress.api import base
from congress.db import api as db_api
from congress.db import datasources
from congress.service import congress_app_factory
from congress_runtime.patches import pauses
from congress_runtime.wsgi import lag
from eventlet.greenthread import GreenThread
from oslo_config import cfg
from oslo_log import log
from sqlalchemy.pool import NullPool

LOG = log.getLogger(__name__)

PAUSE = 1.0
# Turns of the loop, each of at least so many seconds, in which a question is to be answered.
TURNS, TURN = 20, 0.1
# Turns that count at the latest: large messages are taken in one after another, and the answer may be behind them.
MOST_TURNS = 300
# Seconds until a call that nobody answers ends. There is one at a time.
TIMEOUT = 60
# Seconds after which an engine serves without the tables that it was not told: a datasource that never answers must not
# keep engines from their clients. 200,000 rows of a cloud of 10,000 servers are there after 30 s (docs/figures.md).
LOADING = 60

Headers = list[tuple[str, str]]


class Health:
    """`bus`: Congress's API service in this process, through which its requests reach the engine.

    `sources`: the datasources that there are; rules may name tables of others, which nobody tells.
    `trouble`: what keeps the engine from serving. `loading`: how many tables it still lacks since its start.
    """

    def __init__(self, bus: Any, sources: set[str]) -> None:
        self.bus, self.sources, self.trouble = bus, sources, "nothing is known yet"
        self.engine = bus.node.service_object(base.ENGINE_SERVICE_ID)
        self.loads_until: float | None = time.monotonic() + LOADING
        self.loading = self.untold()
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
            self.loading = self.untold()
            eventlet.sleep(PAUSE)

    def untold(self) -> int:
        if self.loads_until is None:
            return 0
        untold = {":".join(table) for table in self.engine.subscriptions.untold() if table[0] in self.sources}
        # Without its schema, rules that name a datasource's columns are not there, so nothing else tells of them.
        untold |= self.sources - set(self.engine.policy_names())
        if untold and time.monotonic() < self.loads_until:
            return len(untold)
        if untold:
            names = ", ".join(sorted(untold))
            LOG.warning("this engine serves without what it was not told in %d s: %s", LOADING, names)
        self.loads_until = None
        return 0

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
        counted = 0
        for _ in range(MOST_TURNS):
            with eventlet.Timeout(TURN, exception=False):
                trouble: str = question.wait()
                # What an old question failed with may be over.
                return self.ask(what) if old and trouble else trouble
            counted += not pauses.turns.locked()
            if counted == TURNS:
                break
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
        method, path = environ["REQUEST_METHOD"], environ.get("PATH_INFO", "")
        if (method, path) == ("GET", "/lag") and lag.asked_here(environ):
            status, kind, text = "200 OK", "application/json", lag.answer(self.health.engine)
        else:
            status, kind = self.status(method, path), "text/plain"
            text = f"{status}\n{self.more(status)}"
        body = text.encode()
        start_response(status, [("Content-Type", kind), ("Content-Length", str(len(body)))])
        return [body]

    def status(self, method: str, path: str) -> str:
        if path not in {"", "/"}:
            return "404 Not Found"
        if method != "GET":
            return "405 Method Not Allowed"
        return "503 Service Unavailable" if self.health.trouble else "200 OK"

    def more(self, status: str) -> str:
        loading = self.health.loading if status.startswith("200") else 0
        return f"loading {loading} table{'s' * (loading > 1)}\n" if loading else ""


def api_factory(global_conf: dict[str, str], **local_conf: str) -> Any:
    """[app:congress_api]: Congress's own, as upstream makes it; health learns its way to the bus."""
    application = congress_app_factory(global_conf, **local_conf)
    enabled = db_api.get_session().query(datasources.Datasource.name).filter_by(enabled=True)
    Application.health = Health(application.resource_mgr, {name for (name,) in enabled})
    eventlet.spawn(Application.health.watch)
    return application


def health_factory(_global_conf: dict[str, str], **_local_conf: str) -> Application:
    """[app:health]."""
    return Application()
