"""Runs in Congress's virtual environment: searches in Congress's own graph of dependencies.

usage: dependency_graph.py ours|upstream. Prints one JSON object: what is found, and the work of the searches.
"""

from __future__ import annotations

import json
import random
import sys
from typing import Any

import congress_runtime.patches.removed_names  # noqa: F401  names that congress imports and Python removed
from congress.datalog.utility import BagGraph, Graph

TABLES = 100
CHAIN = 2000


def graph_of(*edges: tuple[int, int]) -> BagGraph:
    graph = BagGraph()
    for edge in edges:
        graph.add_edge(*edge)
    return graph


def found(graph: BagGraph) -> list[Any]:
    cyclic = graph.has_cycle()
    return [
        cyclic,
        len(graph.cycles()) > 0,
        *(sorted(graph.dependencies(node)) for node in sorted(graph.nodes)),
    ]


def at_random() -> list[Any]:
    dice = random.Random(1)  # noqa: S311  no cryptography
    results = []
    for size in range(2, 12):
        edges = [(dice.randrange(size), dice.randrange(size)) for _ in range(size)]
        graph = graph_of(*edges)
        results.append(found(graph))
        for edge in edges[::2]:
            graph.delete_edge(*edge)
        results.append(found(graph))
    return results


def work() -> int:
    """Objects that upstream creates for tables, while a rule is inserted among many."""
    graph, created = graph_of(*((table, table + 1) for table in range(TABLES))), 0
    upstream = Graph.dfs_data

    def dfs_data(*args: Any) -> Any:
        nonlocal created
        created += 1
        return upstream(*args)

    Graph.dfs_data = staticmethod(dfs_data)
    graph.add_edge(-1, 0)
    assert not graph.has_cycle()
    assert len(graph.dependencies(TABLES - 1)) == 2
    Graph.dfs_data = upstream
    return created


def chain() -> bool | str:
    graph = graph_of(*((table, table + 1) for table in range(CHAIN)))
    try:
        if graph.has_cycle() or len(graph.dependencies(0)) != CHAIN + 1:
            return False
        graph.add_edge(CHAIN, 0)
        return bool(graph.has_cycle())
    except RecursionError as error:
        return type(error).__name__


def main(which: str) -> None:
    if which == "ours":
        from congress_runtime.patches import dependency_graph  # noqa: PLC0415

        dependency_graph.apply()
    print(
        json.dumps(
            {
                "at random": at_random(),
                "nobody": graph_of((1, 2)).dependencies(3),
                "itself": found(graph_of((1, 1))),
                "work": work(),
                "chain": chain(),
            }
        )
    )


main(*sys.argv[1:])
