"""Runs in Congress's virtual environment: two policy engines request the actions of one datasource.

Three of Congress's own nodes. This module replaces the bus between them, and the clock: a second passes when it says
so. With the argument `upstream`: without patches.actions and patches.action_requests. Prints one JSON object: event ->
the actions that the datasource executed.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from tests.congress_runtime.support import congress_node

# isort: split
import eventlet
from congress.datasources import datasource_driver
from congress.dse2 import control_bus, dse_node
from congress.policy_engines.agnostic import DseRuntime, DseRuntimeEndpoints
from congress_runtime.patches import action_requests, actions
from oslo_config import cfg

SILENCE = 6  # seconds, after which an engine has ended


class Clock:
    now = 1_700_000_000.0

    def time(self) -> float:
        return self.now

    monotonic = time


class Node(dse_node.DseNode):  # type: ignore[misc]
    """A node whose calls reach the nodes of its deployment at once, or later if the called service is away."""

    deployment: Deployment

    def broadcast_service_rpc(self, service_id: str, method: str, kwargs: Any = None) -> None:
        if method == "accept_heartbeat":
            for node in [*self.deployment.nodes.values()]:
                service = node.service_object(service_id)
                # It drops its own.
                service.rpc_endpoints()[0].accept_heartbeat(self.context, **kwargs)

    def invoke_service_rpc(self, service_id: str, method: str, kwargs: Any, **_: Any) -> None:
        self.deployment.called.append((service_id, method, self.context, kwargs))
        self.deployment.deliver()


UPSTREAM, CLOCK = sys.argv[1:] == ["upstream"], Clock()


class Cloud(datasource_driver.PushedDataSourceDriver, datasource_driver.ExecutionDriver):  # type: ignore[misc]
    """The datasource. `executed`: what the cloud was asked to do, by any process."""

    def __init__(self, executed: list[str]) -> None:
        self.executed = executed
        super().__init__("cloud", None)
        datasource_driver.ExecutionDriver.__init__(self)

    def execute(self, action: str, action_args: dict[str, Any]) -> None:
        assert action == "pause", action
        assert action_args.keys() == {"positional"}, action_args
        self.executed.append(action_args["positional"][0])


class Engine(DseRuntime):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__("__engine")

    def set_synchronizer(self) -> None:
        self.synchronizer = None

    def request(self, *servers: str) -> None:
        """As a trigger does."""
        for server in servers:
            self.execute_action("cloud", "pause", {"positional": [server]})
            eventlet.sleep(0)

    def request_by_api(self, server: str) -> None:
        DseRuntimeEndpoints(self).execute_action({}, "cloud", "pause", {"positional": [server]})
        eventlet.sleep(0)


class Deployment:
    """`first` is the engine that has run longest, and the first that requests an action."""

    def __init__(self) -> None:
        self.executed: list[str] = []
        self.called: list[tuple[str, str, Any, Any]] = []
        self.nodes: dict[str, Node] = {}
        self.first = self.start("first", Engine())
        self.second = self.start("second", Engine())
        self.start("datasources", self.cloud())
        self.passes(100)
        self.first.request("s0")
        self.second.request("s0")
        self.executed.clear()

    def cloud(self) -> Cloud:
        return Cloud(self.executed)

    def start(self, node_id: str, service: Any) -> Any:
        node = Node(cfg.CONF, node_id, [])
        node.deployment = self
        node.register_service(service)
        self.nodes[node_id] = node
        self.passes(1)
        self.deliver()
        return service

    def deliver(self) -> None:
        called, self.called = self.called, []
        for service_id, method, context, kwargs in called:
            services = [node.service_object(service_id) for node in self.nodes.values()]
            if service := next(filter(None, services), None):
                (endpoint,) = [one for one in service.rpc_endpoints() if hasattr(one, method)][:1]
                getattr(endpoint, method)(context, **kwargs)
            else:
                self.called.append((service_id, method, context, kwargs))
        eventlet.sleep(0)

    def passes(self, seconds: int) -> None:
        for _ in range(seconds):
            CLOCK.now += 1
            for node in [*self.nodes.values()]:
                bus = node._control_bus  # noqa: SLF001
                bus._publish_heartbeat()  # noqa: SLF001
                bus._call_heartbeat_callbacks()  # noqa: SLF001
            eventlet.sleep(0)

    def end(self, node_id: str) -> None:
        del self.nodes[node_id]

    def restart(self, node_id: str, service: Any) -> Any:
        self.end(node_id)
        return self.start(node_id, service)


def both(d: Deployment) -> None:
    d.second.request("s1")
    d.first.request("s1")


def again(d: Deployment) -> None:
    for _ in range(2):
        d.first.request("s1")
        d.second.request("s1")


def failover_between(d: Deployment) -> None:
    d.first.request("s1")
    d.restart("datasources", d.cloud())
    d.second.request("s1")
    d.passes(SILENCE)


def failover_while_both_request(d: Deployment) -> None:
    d.end("datasources")
    d.second.request("s1")
    d.first.request("s1")
    d.start("datasources", d.cloud())
    d.passes(SILENCE)


def leader_ends(d: Deployment) -> None:
    d.end("first")
    d.second.request("s1")
    d.passes(SILENCE)


def leader_ends_afterwards(d: Deployment) -> None:
    d.first.request("s1")
    d.second.request("s1")
    d.end("first")
    d.passes(SILENCE)


def leader_restarts(d: Deployment) -> None:
    d.first.request("s1", "s2")
    d.second.request("s1", "s2")
    d.restart("first", Engine()).request("s1", "s2")


def all_restart_one_by_one(d: Deployment) -> None:
    d.first.request("s1")
    d.second.request("s1")
    d.first = d.restart("first", Engine())
    d.first.request("s1")
    d.passes(SILENCE)
    d.restart("second", Engine()).request("s1")
    d.passes(SILENCE)
    d.first.request("s2")


def by_api(d: Deployment) -> None:
    d.first.request_by_api("s1")
    d.second.request_by_api("s2")


EVENTS: tuple[Callable[[Deployment], None], ...] = (
    both,
    again,
    failover_between,
    failover_while_both_request,
    leader_ends,
    leader_ends_afterwards,
    leader_restarts,
    all_restart_one_by_one,
    by_api,
)


def observe(event: Callable[[Deployment], None]) -> list[str]:
    deployment = Deployment()
    event(deployment)
    deployment.passes(100)
    return sorted(deployment.executed)


def main() -> None:
    congress_node.configure(tempfile.mkdtemp(), period=1000)
    modules: tuple[Any, ...] = (actions, action_requests, control_bus, datasource_driver)
    for module in modules:
        module.time = CLOCK
    server = SimpleNamespace(start=lambda: None, stop=lambda: None, wait=lambda: None)
    dse_node.messaging.get_rpc_server = lambda *_, **__: server
    # `passes` has the heartbeats.
    control_bus.DseNodeControlBus._heartbeat_loop = lambda _: None  # noqa: SLF001
    if not UPSTREAM:
        action_requests.apply()
        actions.apply()
    print(json.dumps({event.__name__: observe(event) for event in EVENTS}))


main()
