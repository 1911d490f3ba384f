"""Runs in Congress's virtual environment: an engine that misses publications of a datasource.

Congress's own publisher and subscriber, connected without a bus. With the argument `upstream`: without patches.publish
and patches.subscriptions. Prints one JSON object: event -> the engine's rows.
"""

from __future__ import annotations

import contextlib
import json
import sys
from typing import Any

import congress_runtime.patches.removed_names  # noqa: F401  names that congress imports and Python removed
import eventlet
from congress.common import config  # noqa: F401  registers options that the next imports read
from congress.dse2.dse_node import DseNode
from congress_runtime.patches import publish

from tests.congress_runtime.support import fake_bus

# isort: split
from congress_runtime.patches import subscriptions

UPSTREAM = sys.argv[1:] == ["upstream"]


class Node(fake_bus.Node):
    """A node with one source and one engine.

    `lossy`: publications are lost. `silent`: calls get no answer. `refusing`: the error that publications raise.
    `meanwhile`: rows that the source polls during the next call; the first before it answers, the others afterwards.
    """

    get_subscription = DseNode.get_subscription
    subscribe_table = DseNode.subscribe_table
    unsubscribe_table = DseNode.unsubscribe_table

    def __init__(self) -> None:
        super().__init__()
        self.subscriptions: dict[str, dict[str, set[str]]] = {}
        self.lossy = self.silent = False
        self.refusing: BaseException | None = None
        self.meanwhile: list[str] = []
        self.source, self.engine = fake_bus.Source(self), Engine(self)

    def publish_table_sequenced(self, *named: Any, **publication: Any) -> None:
        if self.refusing:
            raise self.refusing
        if not self.lossy:
            super().publish_table_sequenced(*named, **publication)

    def invoke_service_rpc(self, _service: str, action: str, kwargs: dict[str, str], **_: object) -> Any:
        if self.silent:
            raise RuntimeError("no answer")
        polls, self.meanwhile = self.meanwhile, []
        for row in polls[:1]:
            self.source.poll(row)
        answer = fake_bus.through_json(getattr(self.source, action)(**kwargs))
        for row in polls[1:]:
            self.source.poll(row)
        return answer


class Engine(fake_bus.Engine):
    """`slow`: it processes a whole table slowly. `failing`: it fails to process any data."""

    def __init__(self, node: Node) -> None:
        super().__init__(node)
        self.slow = self.failing = False
        self.subscriptions = subscriptions.Subscriptions(self)
        if not UPSTREAM:
            ours = {name: getattr(self.subscriptions, name) for name in ("subscribe", "receive_data")}
            self.__dict__.update(ours)

    def receive_data(self, publisher: str, table: str, data: Any, is_snapshot: bool = True) -> None:  # noqa: FBT001, FBT002
        if self.slow and is_snapshot:
            eventlet.sleep(0.1)
        if self.failing:
            raise RuntimeError("not taken in")
        super().receive_data(publisher, table, data, is_snapshot)

    def check(self, times: int = 1) -> list[str]:
        """Do what the engine does each second. Return the reasons of its requests."""
        reasons = []
        for _ in range(times):
            outdated = {} if UPSTREAM else self.subscriptions.outdated()
            for table, reason in outdated.items():
                reasons.append(reason)
                self.subscriptions.repeat_request(table)
        return reasons


def subscribed(*rows: str) -> Node:
    node = Node()
    node.source.poll(*rows)
    node.engine.subscribe("source", "table")
    assert node.engine.check(3) == []
    return node


def lost_then_another() -> dict[str, Any]:
    node = subscribed("kept", "old")
    node.lossy = True
    node.source.poll("kept", "lost")
    node.lossy = False
    node.source.poll("kept", "new")
    seen: dict[str, Any] = {"requests at the first check": len(node.engine.check())}
    node.engine.check()
    seen["one was lost, then another came"] = sorted(node.engine.rows)
    node.source.poll("kept", "newer")
    seen["the next one"] = sorted(node.engine.rows)
    return {**seen, "requests after that": len(node.engine.check(3))}


def lost_in_a_quiet_table() -> dict[str, Any]:
    node = subscribed("old")
    node.lossy = True
    node.source.poll("lost")
    node.lossy = False
    subscriptions.Subscriptions.connections += 1
    requests = len(node.engine.check(3))
    return {
        "requests after a new connection": requests,
        "one was lost in a quiet table": sorted(node.engine.rows),
    }


def no_answer() -> dict[str, Any]:
    node = subscribed("old")
    node.silent = node.lossy = True
    node.source.poll("lost")
    subscriptions.Subscriptions.connections += 1
    node.engine.check(2)
    node.silent = node.lossy = False
    requests = len(node.engine.check(3))
    node.engine.subscriptions.retries["source", "table"] = (2.0, 0.0)
    node.engine.check()
    return {
        "requests before the pause is over": requests,
        "the first question had no answer": sorted(node.engine.rows),
    }


def refused(what: str, error: BaseException) -> dict[str, Any]:
    node = subscribed("old")
    node.refusing = error
    with contextlib.suppress(type(error)):
        node.source.poll("refused")
    node.refusing = None
    node.source.poll("refused")
    return {what: sorted(node.engine.rows)}


def refused_by_the_bus() -> dict[str, Any]:
    return refused("the bus refused one, and nothing changed since", RuntimeError("the bus refuses"))


def cut_off() -> dict[str, Any]:
    return refused("a poll's time limit cut one off, and nothing changed since", eventlet.Timeout(None))


def answer_not_taken_in() -> dict[str, Any]:
    node = Node()
    node.source.poll("first")
    node.engine.failing, raised = True, False
    try:
        node.engine.subscribe("source", "table")
    except RuntimeError:
        raised = True
    node.engine.failing = False
    node.engine.check()
    return {
        "the first answer could not be taken in": sorted(node.engine.rows),
        "the next table was not asked for": raised,
    }


def two_at_once() -> dict[str, Any]:
    node = Node()
    node.source.poll("kept", "old")
    node.engine.slow = True
    whole = eventlet.spawn(node.engine.subscribe, "source", "table")
    eventlet.sleep(0)
    difference = eventlet.spawn(node.source.poll, "kept", "new")
    whole.wait()
    difference.wait()
    return {"a difference came while the whole table was taken in": sorted(node.engine.rows)}


def overtaken() -> dict[str, Any]:
    """A datasource starts and changes at once, while its answer to an engine is in transit."""
    node = Node()
    node.meanwhile = ["old", "new"]
    node.engine.subscribe("source", "table")
    node.engine.check(3)
    return {"later publications overtook the answer": sorted(node.engine.rows)}


def not_taken_in() -> dict[str, Any]:
    node = subscribed("old")
    node.engine.failing = True
    with contextlib.suppress(RuntimeError):
        node.source.poll("new")
    node.engine.failing = False
    node.engine.check()
    return {"the engine failed to take one in": sorted(node.engine.rows)}


def main() -> None:
    if not UPSTREAM:
        publish.apply()
    seen: dict[str, Any] = {}
    for happens in (
        lost_then_another,
        lost_in_a_quiet_table,
        no_answer,
        refused_by_the_bus,
        cut_off,
        two_at_once,
        overtaken,
        not_taken_in,
        answer_not_taken_in,
    ):
        seen |= happens()
    print(json.dumps(seen))


main()
