"""Runs in Congress's virtual environment: an engine's rows over restarts of the datasource node.

Congress's own publisher and subscriber, connected without a bus. With the argument `upstream`: without patches.publish.
Prints one JSON object: event -> the engine's rows.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import eventlet

from tests.congress_runtime.support.fake_bus import Engine, Node, Source


class EncodingNode(Node):
    """The encoding of the first publication takes long."""

    waited = False

    def publish_table_sequenced(self, *named: Any, **publication: Any) -> None:
        if not self.waited:
            self.waited = True
            eventlet.sleep(0.05)
        super().publish_table_sequenced(*named, **publication)


def overtaking() -> list[str]:
    node = EncodingNode()
    engine, source = Engine(node), Source(node)
    engine.receive_data_sequenced("source", "table", [["of the node before"]], 7, is_snapshot=True)
    whole = eventlet.spawn(source.poll, "kept", "old")
    eventlet.sleep(0)
    source.poll("kept", "new")
    whole.wait()
    return sorted(engine.rows)


def most_rows_change() -> dict[str, Any]:
    node = Node()
    engine, source = Engine(node), Source(node)
    engine.subscribe("source", "table")
    source.poll("a", "b", "c")
    source.poll("a", "b", "d")
    few = node.rows
    source.poll("x", "y", "z", "d")
    most = node.rows, sorted(engine.rows)
    source.poll("x", "y", "z", "e")
    return {"rows sent: few of three change": few, "most change": most, "afterwards": sorted(engine.rows)}


def main() -> None:
    if sys.argv[1:] != ["upstream"]:
        from congress_runtime.patches import publish  # noqa: PLC0415

        publish.apply()
    seen: dict[str, Any] = {}
    node = Node()
    engine, source = Engine(node), Source(node)
    engine.subscribe("source", "table")
    source.poll("old", "kept")
    source.poll("older", "kept")
    seen["polled"] = sorted(engine.rows)
    source = Source(node)
    source.poll("kept", "new")
    seen["a row went while no node ran"] = sorted(engine.rows)
    source.poll("kept", "newer")
    seen["the next difference"] = sorted(engine.rows)
    source = Source(node)
    source.poll()
    seen["all rows went"] = sorted(engine.rows)
    source.poll("some")
    source = Source(node)
    late = Engine(node)
    late.subscribe("source", "table")
    seen["before the first poll"] = sorted(engine.rows)
    source.poll("fresh")
    seen["another engine asked first"] = sorted(engine.rows)
    seen["the one that asked"] = sorted(late.rows)
    later = Engine(node)
    later.subscribe("source", "table")
    source.poll("fresh", "fresher")
    seen["one that came later"] = sorted(later.rows)
    seen["a difference while the whole table is encoded"] = overtaking()
    seen |= most_rows_change()
    print(json.dumps(seen))


main()
