"""Let the cost of a search in the dependencies of tables depend on what it finds.

For each change of rules, an engine checks that no table depends on itself, and which tables each trigger depends on.
Upstream begins each search by creating an object for every table of all policies, and looks for cycles from each table
anew. With T tables, one inserted rule costs T * T steps, and T more for each rule with an action. It answers
nobody meanwhile. Upstream's search is also recursive, so a chain of 1000 tables ends it with an error.

A cycle that was not there before has a dependency that was added since. So only what the tables of added dependencies
depend on is searched.
"""

from graphlib import CycleError, TopologicalSorter
from typing import Any

from congress.datalog.utility import Graph

# The attribute of a graph with the tables whose dependencies were added since it was last found to have no cycle.
ADDED = "added_since_no_cycle"


def reachable(graph: Any, nodes: set[Any]) -> dict[Any, list[Any]]:
    """These nodes and all that they depend on, each with what it depends on directly."""
    found: dict[Any, list[Any]] = {}
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        if node not in found:
            found[node] = [edge.node for edge in graph.edges.get(node, ())]
            waiting += found[node]
    return found


def apply() -> None:
    add_edge = Graph.add_edge

    def add_edge_and_note(self: Any, val1: Any, val2: Any, label: Any = None) -> None:
        add_edge(self, val1, val2, label)
        self.__dict__.setdefault(ADDED, set()).add(val1)

    def has_cycle(self: Any) -> bool:
        if self._cycles is None:
            added = self.__dict__.setdefault(ADDED, set())
            try:
                TopologicalSorter(reachable(self, added)).prepare()
            except CycleError:
                return True  # `cycles` enumerates them, if somebody asks for it
            added.clear()
            self._cycles = set()
        return bool(self._cycles)

    def dependencies(self: Any, node: Any) -> set[Any] | None:
        return {*reachable(self, {node})} if node in self.nodes else None

    Graph.add_edge = add_edge_and_note
    Graph.has_cycle = has_cycle
    Graph.dependencies = dependencies
