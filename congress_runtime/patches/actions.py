"""Execute an action once, although every policy engine requests it.

Upstream's datasource executes the requests of one engine, the leader, which is the first to request anything. It drops
the requests of all others.

- After a failover of the datasource node, nothing is known of the leader. If the request of another engine arrives only
  then, because that engine is busy or the bus delayed it, the action is executed a second time.
- An engine that starts requests the actions of all rows. If it is the leader, or if there is none, all are executed
  again: at each restart of one of two engines.
- When the leader ends, upstream drops the requests of the others for 5 s more. These actions are never executed.
- A request through the API is dropped if it came through another engine. The API answers 200.

Here, the leader is the engine that has run longest, of those with a recent heartbeat. Each process of the datasource
node finds the same one, and an engine that starts is never the leader as long as another runs. Requests of the others
wait until the leader makes the same request, or until it has ended. Requests of the API are executed at once.

In the first seconds of the datasource node all requests wait, until all engines can have sent a heartbeat. An engine
that started less than a minute ago requests what others have requested long ago: its requests end with the leader.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import eventlet
from congress.datasources.datasource_driver import ExecutionDriver
from congress.dse2.control_bus import DseNodeControlBus
from congress_runtime.patches.action_origin import FROM_API, started
from oslo_log import log

LOG = log.getLogger(__name__)

ENGINE = "__engine"
# All times are in seconds.
SILENCE = 5.0  # without a heartbeat, after which an engine has ended; as in upstream
STARTING = 60.0  # how long an engine requests the actions of rows that are there already
WAIT = 30.0  # for the leader's request; a busy leader evaluates later
REMEMBERED = 60.0  # how long after an execution another engine's request is taken for the same


@dataclass(eq=False)
class Request:
    """One engine's request to execute an action. `instance`: of the engine."""

    instance: str
    action: str
    arguments: dict[str, Any]

    def __post_init__(self) -> None:
        self.at = time.monotonic()
        self.key = json.dumps([self.action, self.arguments], sort_keys=True)
        self.by_one_that_starts = time.time() - started(self.instance) < STARTING

    def __str__(self) -> str:
        positional, named = self.arguments.get("positional", ()), self.arguments.get("named") or {}
        values = [*map(repr, positional), *(f"{name}={value!r}" for name, value in named.items())]
        return f"{self.action}({', '.join(values)})"


@dataclass(eq=False)
class Executed:
    """`requested`: instances of the engines whose request this was."""

    requested: set[str]

    def __post_init__(self) -> None:
        self.at = time.monotonic()


class Requests:
    """The requests of engines to one datasource. `waiting`, `executed`: by the action with its arguments."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver
        self.waiting: dict[str, list[Request]] = {}
        self.executed: dict[str, list[Executed]] = {}

    def add(self, request: Request) -> Any:
        """The thread that executes it now, if one does."""
        for executed in self.executed.get(request.key, ()):
            if request.instance not in executed.requested:
                executed.requested.add(request.instance)
                return None
        if request.instance == self.leader():
            return self.execute(request)
        self.waiting.setdefault(request.key, []).append(request)
        return None

    def execute(self, request: Request) -> Any:
        """Execute it, also on behalf of the other engines that have requested it already."""
        executed, rest = Executed({request.instance}), []
        for other in self.waiting.pop(request.key, []):
            if other.instance not in executed.requested:
                executed.requested.add(other.instance)
            elif other is not request:
                rest.append(other)  # the engine requested it twice
        if rest:
            self.waiting[request.key] = rest
        self.executed.setdefault(request.key, []).append(executed)
        LOG.info("%s: executing %s", self.driver.name, request)
        return eventlet.spawn(self.driver.execute, request.action, request.arguments)

    def review(self) -> None:
        """Each second: execute what waited for an engine that has ended, and forget what is over."""
        if leader := self.leader():
            for key in [*self.waiting]:
                self.review_action(key, leader)
        now = time.monotonic()
        self.executed = {
            key: recent
            for key, some in self.executed.items()
            if (recent := [one for one in some if now - one.at < REMEMBERED])
        }

    def review_action(self, key: str, leader: str) -> None:
        while own := [one for one in self.waiting.get(key, ()) if one.instance == leader]:
            self.execute(own[0])
        now = time.monotonic()
        rest = [
            one for one in self.waiting.pop(key, ()) if now - one.at < WAIT and not one.by_one_that_starts
        ]
        if rest:
            self.waiting[key] = rest

    def leader(self) -> str | None:
        """The engine that has run longest; None until it is known."""
        if time.monotonic() - self.driver.node._control_bus.started < SILENCE:  # noqa: SLF001
            return None
        return min(self.engines(), key=lambda one: (started(one), one), default=None)

    def engines(self) -> Iterator[str]:
        node = self.driver.node
        if node.service_object(ENGINE):
            yield node.context["instance"]
        for peer in node.dse_status()["peers"].values():
            alive = time.time() - peer["last_hb_time"] < SILENCE
            if alive and any(service["service_id"] == ENGINE for service in peer["services"]):
                yield peer["instance"]


def apply() -> None:
    start = DseNodeControlBus.start

    def start_with_time(self: Any) -> None:
        self.started = time.monotonic()
        start(self)

    def request_execute(
        self: Any,
        context: dict[str, Any],
        action: str,
        action_args: dict[str, Any],
        wait: bool,  # noqa: FBT001
    ) -> None:
        arguments = {key: value for key, value in action_args.items() if key != FROM_API}
        if FROM_API in action_args:
            thread = eventlet.spawn(self.execute, action, arguments)
        else:
            thread = requests_of(self).add(Request(context["instance"], action, arguments))
        if wait and thread:
            thread.wait()

    def review(self: Any) -> None:
        requests_of(self).review()

    DseNodeControlBus.start = start_with_time
    ExecutionDriver.request_execute = request_execute
    ExecutionDriver._check_leader_heartbeat = review  # noqa: SLF001  the heartbeat's callback


def requests_of(driver: Any) -> Requests:
    if "requests" not in vars(driver):
        driver.requests = Requests(driver)
    return driver.requests  # type: ignore[no-any-return]
