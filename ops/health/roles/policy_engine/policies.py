"""The policies and datasources that the stack declares: violations, last polls and errors, as an engine sees them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ops.health.facts import Unseen
from ops.health.finding import Finding, unseen, wrong
from ops.stack.outputs import Stack

ROW = "policies"
# How many datasources, and policies with violations, the row names.
NAMED = 5


@dataclass(frozen=True)
class Poll:
    """`age`: seconds since the last poll that succeeded, None before the first one."""

    age: int | None
    error: str


@dataclass(frozen=True)
class Declared:
    """`violations`: policy -> rows of its tables `error` and `warning`; None for a policy that the engine lacks, and
    for a table that it did not count in time. `polls`: None for a datasource without a status.
    """

    violations: Mapping[str, Mapping[str, int | None] | None]
    polls: Mapping[str, Poll | None]

    @property
    def unknown(self) -> int:
        tables = [*self.violations.values()]
        counts = [count for one in tables if one for count in one.values()]
        return sum(some.count(None) for some in (tables, counts, [*self.polls.values()]))


def request(stack: Stack) -> str:
    """What an engine is asked, "" if the stack declares nothing."""
    asked = {"policies": stack.policies, "datasources": stack.datasources}
    return json.dumps(asked) if any(asked.values()) else ""


def view(text: str) -> Declared:
    """Read the answer to POST /health/policies."""
    values = json.loads(text)
    polls = {
        name: status and Poll(status["age"], status["error"])
        for name, status in values["datasources"].items()
    }
    return Declared(values["policies"], polls)


def most_complete(views: Sequence[Declared | Unseen]) -> Declared | Unseen:
    """One engine of each host was asked."""
    answers = [one for one in views if isinstance(one, Declared)]
    silent = [one for one in views if isinstance(one, Unseen)]
    if answers:
        return min(answers, key=lambda one: one.unknown)
    return next((one for one in silent if not one.explained), silent[0])


def findings(declared: Declared | Unseen, named_elsewhere: set[str]) -> Iterator[Finding]:
    """`named_elsewhere`: datasources whose problems are named by the engines' own findings."""
    if isinstance(declared, Unseen):
        if not declared.explained:
            way_out = "see engines above; engines of an older version cannot report it: make up"
            yield unseen(ROW, f"no engine reports violations and polls: {declared.why}", way_out)
        return
    for name, tables in declared.violations.items():
        if tables is None:
            what = f"policy {name} is declared, but engines do not have it"
            yield wrong(ROW, what, "make verify shows what was changed, make repair puts it right")
    for name, poll in declared.polls.items():
        if name in named_elsewhere:
            continue
        if poll is None:
            way_out = "check datasource node and bus; make verify shows whether somebody deleted it"
            yield wrong(ROW, f"no status of datasource {name}", way_out)
        elif poll.error:
            way_out = (
                "repair its cloud, it is polled again by itself; or its file in the folder, then: make up"
            )
            yield wrong(ROW, f"datasource {name} does not update: {poll.error[:160]}", way_out)


def summary(declared: Declared | Unseen) -> str:
    if isinstance(declared, Unseen):
        return ""
    parts = []
    if declared.polls:
        polls = [f"{name} {polled(poll)}" for name, poll in declared.polls.items()]
        parts.append(f"polled: {listed(polls)}")
    if declared.violations:
        parts.append(f"violations: {violations(declared.violations)}")
    return "; ".join(parts)


def polled(poll: Poll | None) -> str:
    if poll is None:
        return "no status"
    if poll.error:
        return "error"
    return "not yet" if poll.age is None else f"{poll.age} s ago"


def violations(policies: Mapping[str, Mapping[str, int | None] | None]) -> str:
    counts = {
        name: {table: count for table, count in (tables or {}).items() if count}
        for name, tables in policies.items()
    }
    most = sorted(counts, key=lambda name: -sum(map(int, counts[name].values())))
    found = [f"{name} {of_policy(counts[name])}" for name in most if counts[name]]
    missed = sum(None in (tables or {}).values() for tables in policies.values())
    late = f"; {missed} of {len(policies)} policies not counted in time" if missed else ""
    return (listed(found) if found else f"none in {len(policies) - missed} policies") + late


def of_policy(counts: Mapping[str, int]) -> str:
    return " and ".join(f"{count:,} {table}{'s' if count > 1 else ''}" for table, count in counts.items())


def listed(texts: Sequence[str]) -> str:
    more = f", and {len(texts) - NAMED} more" if len(texts) > NAMED else ""
    return ", ".join(texts[:NAMED]) + more


def details(declared: Declared | Unseen) -> dict[str, Any] | None:
    return asdict(declared) if isinstance(declared, Declared) else None
