"""Runs in Congress's virtual environment: an engine reports the tables for which it lacks the newest rows.

Congress's own publisher and subscriber, connected without a bus. Prints one JSON object: event -> the answer of GET
/health/lag.
"""

from __future__ import annotations

import itertools
import json
from types import SimpleNamespace
from typing import Any

import congress_runtime.patches.removed_names  # noqa: F401  names that congress imports and Python removed
import eventlet
from congress.common import config  # noqa: F401  registers options that the next imports read
from congress.datalog.base import DATASOURCE_POLICY_TYPE
from congress.dse2.dse_node import DseNode

from tests.congress_runtime.support import fake_bus

# isort: split
from congress_runtime.patches import publish, subscriptions
from congress_runtime.wsgi import lag
from congress_runtime.wsgi.health import Application


class Node(fake_bus.Node):
    """`lossy`: publications are lost. `silent`: calls get no answer. `after_answer`: called after each answer."""

    get_subscription = DseNode.get_subscription
    unsubscribe_table = DseNode.unsubscribe_table

    def __init__(self) -> None:
        super().__init__()
        self.subscriptions: dict[str, dict[str, set[str]]] = {}
        self.lossy = self.silent = False
        self.after_answer: Any = None

    def publish_table_sequenced(self, *named: Any, **publication: Any) -> None:
        if not self.lossy:
            super().publish_table_sequenced(*named, **publication)

    def invoke_service_rpc(self, service: str, action: str, kwargs: dict[str, str], **_: object) -> Any:
        if self.silent:
            raise RuntimeError("no answer")
        source = self.publishers[service]
        if action == "get_status":
            answer = {"sequence_numbers": dict(source.sender_seqnums)}
        else:
            answer = source.get_last_published_data_with_seqnum(**kwargs)
        if self.after_answer:
            self.after_answer()
        return fake_bus.through_json(answer)


def polled(*numbers: int) -> tuple[Node, Any]:
    node = Node()
    source, engine = fake_bus.Source(node), fake_bus.Engine(node)
    engine.theory = {"source": SimpleNamespace(kind=DATASOURCE_POLICY_TYPE)}
    engine.tablenames, engine.reserved_tablename = lambda **_: {"source:table"}, lambda _: False
    engine.subscriptions = subscriptions.Subscriptions(engine)
    for number in numbers:
        source.poll(str(number))
    engine.subscriptions.subscribe("source", "table")
    engine.subscriptions.subscribe("a policy", "table")
    return node, engine


def answer_of(engine: Any) -> Any:
    return json.loads(lag.answer(engine))


def datasource_restarted() -> Any:
    node, engine = polled(1, 2, 3)
    node.lossy = True
    fake_bus.Source(node).poll("4")
    return answer_of(engine)


def lost() -> Any:
    node, engine = polled(1)
    node.lossy = True
    node.publishers["source"].poll("2")
    return answer_of(engine)


def publication_in_transit() -> Any:
    node, engine = polled(1)
    node.lossy = True
    node.publishers["source"].poll("2")
    node.lossy = False
    again = (["2"], ["1"])
    rows = fake_bus.through_json([[[row] for row in part] for part in again])
    eventlet.spawn_after(0.1, engine.receive_data_sequenced, "source", "table", rows, 1)
    return answer_of(engine)


def always_changing() -> Any:
    node, engine = polled(1)
    numbers = itertools.count(2)
    node.after_answer = lambda: node.publishers["source"].poll(str(next(numbers)))
    return answer_of(engine)


def silent() -> Any:
    node, engine = polled(1)
    node.silent = True
    return answer_of(engine)


def unsubscribed() -> Any:
    _, engine = polled(1)
    engine.unsubscribe("source", "table")
    return answer_of(engine)


def unsubscribed_and_never_published() -> Any:
    _, engine = polled()
    engine.unsubscribe("source", "table")
    return answer_of(engine)


def by_address(engine: Any, who: str) -> tuple[str, str]:
    statuses: list[str] = []
    health: Any = SimpleNamespace(engine=engine, loading=0, problem="")
    Application.health = health
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/lag", "REMOTE_ADDR": who, "SERVER_NAME": "10.0.0.5"}
    body = Application()(environ, lambda status, _: statuses.append(status))
    return statuses[0], b"".join(body).decode().strip()


def main() -> None:
    publish.apply()
    seen = {
        "nothing": answer_of(polled(1, 2)[1]),
        "a lost publication": lost(),
        "a publication under way": publication_in_transit(),
        "rows change all the time": always_changing(),
        "the datasource began anew": datasource_restarted(),
        "no answer": silent(),
        "not subscribed to it": unsubscribed(),
        "not subscribed to one that is not published": unsubscribed_and_never_published(),
        "asked from this host": by_address(polled(1)[1], "10.0.0.5"),
        "asked from elsewhere": by_address(polled(1)[1], "10.0.0.6"),
    }
    print(json.dumps(seen))


main()
