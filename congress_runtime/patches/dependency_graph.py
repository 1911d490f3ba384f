"""Let the cost of a search in the dependencies of tables depend on what it finds.

For each change of rules, an engine checks that no table depends on itself, and which tables each trigger depends on.
Upstream begins each search by creating an object for every table of all policies, and looks for cycles from each table
anew. With T tables, one inserted rule costs T * T steps, and T more for each rule with an action. It answers
nobody meanwhile. Upstream's search is also recursive, so a chain of 1000 tables ends it with an error.
"""

from graphlib import CycleError, TopologicalSorter
from typing import Any

from congress.datalog.utility import Graph


def apply() -> None:
    def has_cycle(self: Any) -> bool:
        if self._cycles is None:
            try:
                TopologicalSorter(
                    {node: [edge.node for edge in edges] for node, edges in self.edges.items()}
                ).prepare()
            except CycleError:
                return True  # `cycles` enumerates them, if somebody asks for it
            self._cycles = set()
        return bool(self._cycles)

    def dependencies(self: Any, node: Any) -> set[Any] | None:
        if node not in self.nodes:
            return None
        found, waiting = {node}, [node]
        while waiting:
            for edge in self.edges.get(waiting.pop(), ()):
                if edge.node not in found:
                    found.add(edge.node)
                    waiting.append(edge.node)
        return found

    Graph.has_cycle = has_cycle
    Graph.dependencies = dependencies
