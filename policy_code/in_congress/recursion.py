"""Finds tables that need each other, or too many others, over all policies. Congress does not support recursion."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from graphlib import CycleError, TopologicalSorter

from policy_code.in_congress.rules import Parsed

# The evaluator calls itself for each table that a table needs, and inside that call for each table in the body of a
# rule. Python allows 1000 nested calls, of which an engine already uses some dozens.
CALLS, MOST_CALLS = 4, 800


def graph_of(rules: Iterable[tuple[str, Parsed]]) -> dict[str, dict[str, Parsed]]:
    """Table -> the tables that its rules use, each with the first rule that does."""
    graph: dict[str, dict[str, Parsed]] = {}
    for policy, rule in rules:
        for head in rule.heads():
            edges = graph.setdefault(head.table.global_tablename(policy), {})
            for one in rule.body():
                edges.setdefault(one.tablename(policy), rule)
    return graph


def recursions(rules: Iterable[tuple[str, Parsed]]) -> Iterator[tuple[Parsed, str]]:
    """Each group of tables that need each other, at the first rule of it."""
    graph = graph_of(rules)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError:
        yield from cycles(graph)


def too_deep(rules: Iterable[tuple[str, Parsed]]) -> Iterator[tuple[Parsed, str]]:
    """The first table that the evaluator cannot reach, because too many tables are below it."""
    graph = graph_of(rules)
    calls: dict[str, int] = {}
    try:
        order = [*TopologicalSorter(graph).static_order()]
    except CycleError:
        return
    for table in order:
        calls[table] = 0
        for below, rule in graph.get(table, {}).items():
            calls[table] = max(calls[table], calls[below] + len(rule.body()) + CALLS)
            if calls[table] > MOST_CALLS:
                text = "too many tables one after another are named by its rules and by those of the tables below it"
                out = "put values into facts, or let rules use fewer tables in between"
                yield rule, f"{table} is too deep for Congress's evaluator: {text}: {out}"
                return


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
    """Shortest path from a table to itself, without tables that were already reported."""
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
