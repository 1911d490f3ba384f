"""GET /health: whether this engine can serve. It needs no token and returns no data.

Once a second, the engine's process does what GET /v1/policies does (congress.api.policy_model): it calls this node's
policy engine over the message bus, and the policy engine reads the database. /health returns the result of the last
call: 200 or 503. So requests for /health cost neither bus nor database. Therefore /health may be outside of authtoken
in api-paste.ini, and its answer means the same with keystone and with noauth.

A slow engine is not a failed engine:

- The loop stands still while a policy is evaluated or rows are received. Then nothing is answered, not even /health.
  congress_drain, a separate process, handles that case.
- Here, waiting is counted in turns of the loop, so such a pause counts as one turn. While a large message is decoded
  with pauses (patches.pauses), turns do not count, because the answer may arrive behind that message.
- If the call is not answered although the loop turns, bus and database are checked separately. An engine whose call
  waits for a lock in the database is only slow.

A starting engine has its policies before it answers. It does not yet have the rows that they refer to, nor the rules
that name columns of a datasource whose schema it has not received. Until then, /health adds "loading N tables" to its
200; a datasource without a schema counts as one table. While another engine is available, congress_drain then sends
this one hardly any request.
"""

import json
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
from congress_runtime.wsgi import lag, policies
from eventlet.greenthread import GreenThread
from oslo_config import cfg
from oslo_log import log
from sqlalchemy.pool import NullPool

LOG = log.getLogger(__name__)

# All times are in seconds.
PAUSE = 1.0
# A probe may take this many turns of the loop, of at least TURN each.
TURNS, TURN = 20, 0.1
# The limit including turns that do not count: large messages may arrive one after another, ahead of the answer.
MAX_TURNS = 300
# Limit of a call that is not answered. There is only one call of a kind at a time.
TIMEOUT = 60
# An engine then serves without the missing tables: a datasource that never answers must not keep engines from their
# clients. 200,000 rows of a cloud of 10,000 servers arrive within 30 s (docs/figures.md).
LOADING_LIMIT = 60

Headers = list[tuple[str, str]]


class Health:
    """`bus`: Congress's API service in this process, which passes requests to the engine.

    `sources`: names of the enabled datasources. Rules may also name tables of datasources that do not exist.
    `problem`: why the engine cannot serve, "" if it can. `loading`: number of tables that are missing since its start.
    """

    def __init__(self, bus: Any, sources: set[str]) -> None:
        self.bus, self.sources, self.problem = bus, sources, "not checked yet"
        self.engine = bus.node.service_object(base.ENGINE_SERVICE_ID)
        self.loading_ends: float | None = time.monotonic() + LOADING_LIMIT
        self.loading = self.missing_tables()
        database = sqlalchemy.create_engine(cfg.CONF.database.connection, poolclass=NullPool)
        model = base.APIModel("health", bus=bus)

        def call(method: str) -> None:
            model.invoke_rpc(base.ENGINE_SERVICE_ID, method, {}, timeout=TIMEOUT)

        def connect() -> None:
            with database.connect() as link:
                link.execute(sqlalchemy.text("SELECT 1"))

        # The first one needs the others; they tell why it fails.
        self.probes: dict[str, Callable[[], None]] = {
            "the policy engine": lambda: call("persistent_get_policies"),
            "the message bus": lambda: call("ping"),
            "the database": connect,
        }
        self.running: dict[str, GreenThread] = {}

    def watch(self) -> None:
        while True:
            problem = self.check()
            if problem and problem != self.problem:
                LOG.warning("this engine cannot serve: %s", problem)
            self.problem = problem
            self.loading = self.missing_tables()
            eventlet.sleep(PAUSE)

    def missing_tables(self) -> int:
        """Number of tables that the engine still lacks. 0 once it has had all of them, or after LOADING_LIMIT."""
        if self.loading_ends is None:
            return 0
        missing = {":".join(t) for t in self.engine.subscriptions.missing_tables() if t[0] in self.sources}
        # The engine has no rules about a datasource whose schema it lacks, so the rules do not name its tables.
        missing |= self.sources - set(self.engine.policy_names())
        if missing and time.monotonic() < self.loading_ends:
            return len(missing)
        if missing:
            names = ", ".join(sorted(missing))
            LOG.warning(
                "this engine serves without tables that it did not get in %d s: %s", LOADING_LIMIT, names
            )
        self.loading_ends = None
        return 0

    def check(self) -> str:
        engine, *others = self.probes
        problem = self.run_probe(engine)
        if problem is not None:
            return problem
        for other in others:
            problem = self.run_probe(other)
            if problem is None:
                return f"no answer from {other}"
            if problem:
                return problem
        return ""

    def run_probe(self, name: str) -> str | None:
        """Return the problem, "" without one. None without an answer in time; the probe then goes on running."""
        earlier = self.running.pop(name, None)
        probe = earlier or eventlet.spawn(problem_of, self.probes[name])
        counted = 0
        for _ in range(MAX_TURNS):
            with eventlet.Timeout(TURN, exception=False):
                problem: str = probe.wait()
                # The cause of an earlier probe's failure may be gone by now.
                return self.run_probe(name) if earlier and problem else problem
            counted += not pauses.turns.locked()
            if counted == TURNS:
                break
        self.running[name] = probe
        return None


def problem_of(probe: Callable[[], None]) -> str:
    try:
        probe()
    except Exception as error:  # noqa: BLE001 - any error means that this engine cannot serve
        return f"{type(error).__name__}: {error}".splitlines()[0]
    return ""


class Application:
    """Answers /health, /health/lag and /health/policies. `health`: of the only engine in this process."""

    health: ClassVar[Health]

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[[str, Headers], object]
    ) -> list[bytes]:
        method, path = environ["REQUEST_METHOD"], environ.get("PATH_INFO", "")
        local = lag.from_this_host(environ)
        if local and (method, path) == ("GET", "/lag"):
            status, kind, text = "200 OK", "application/json", lag.answer(self.health.engine)
        elif local and (method, path) == ("POST", "/policies"):
            asked = json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))
            status, kind, text = "200 OK", "application/json", policies.answer(self.health.engine, asked)
        else:
            status, kind = self.status(method, path), "text/plain"
            text = f"{status}\n{self.loading_line(status)}"
        body = text.encode()
        start_response(status, [("Content-Type", kind), ("Content-Length", str(len(body)))])
        return [body]

    def status(self, method: str, path: str) -> str:
        if path not in {"", "/"}:
            return "404 Not Found"
        if method != "GET":
            return "405 Method Not Allowed"
        return "503 Service Unavailable" if self.health.problem else "200 OK"

    def loading_line(self, status: str) -> str:
        loading = self.health.loading if status.startswith("200") else 0
        return f"loading {loading} table{'s' * (loading > 1)}\n" if loading else ""


def api_factory(global_conf: dict[str, str], **local_conf: str) -> Any:
    """[app:congress_api]: upstream's own application. Health gets its connection to the bus from it."""
    application = congress_app_factory(global_conf, **local_conf)
    enabled = db_api.get_session().query(datasources.Datasource.name).filter_by(enabled=True)
    Application.health = Health(application.resource_mgr, {name for (name,) in enabled})
    eventlet.spawn(Application.health.watch)
    return application


def health_factory(_global_conf: dict[str, str], **_local_conf: str) -> Application:
    """[app:health]."""
    return Application()
