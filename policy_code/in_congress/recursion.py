"""Tables that need each other, in all policies together. Congress does not support recursion."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from graphlib import CycleError, TopologicalSorter

from policy_code.in_congress.rules import Parsed


def recursions(rules: Iterable[tuple[str, Parsed]]) -> Iterator[tuple[Parsed, str]]:
    """Each group of tables that need each other, at the first rule of it."""
    graph: dict[str, dict[str, Parsed]] = {}
    for policy, rule in rules:
        for head in rule.heads():
            edges = graph.setdefault(head.table.global_tablename(policy), {})
            for one in rule.body():
                edges.setdefault(one.tablename(policy), rule)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError:
        yield from cycles(graph)


def cycles(graph: dict[str, dict[str, Parsed]]) -> Iterator[tuple[Parsed, str]]:
    done: set[str] = set()
    for start in graph:
        path = cycle(graph, start, done)
        if path:
            done.update(path)
            text = " -> ".join([*path, path[0]])
            yield (
                graph[path[0]][path[1 % len(path)]],
                f"recursion, which Congress does not support: {text}: let a rule use other tables",
            )


def cycle(graph: dict[str, dict[str, Parsed]], start: str, done: set[str]) -> list[str]:
    """Shortest way from a table to itself, without those that are reported."""
    ways = deque([[start]] if start not in done else [])
    seen: set[str] = set()
    while ways:
        way = ways.popleft()
        for table in graph.get(way[-1], ()):
            if table == start:
                return way
            if table not in seen | done and table in graph:
                seen.add(table)
                ways.append([*way, table])
    return []
