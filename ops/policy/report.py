"""Results on a terminal: a line for each case, the difference of each failed case, then rules that no case reached."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby

import typer

from ops.policy.results import Outcome, Results
from policy_code.documents import Problem

LONGEST = 80


def counted(count: int, one: str, several: str) -> str:
    return f"{count} {one if count == 1 else several}"


def milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms"


def lines(results: Results, *, rules: bool) -> Iterator[str]:
    for file, outcomes in groupby(results.outcomes, key=lambda one: one.file):
        yield file
        for outcome in outcomes:
            word = typer.style("PASS", fg="green") if outcome.passed else typer.style("FAIL", fg="red")
            yield f"  {word}  {outcome.name} ({milliseconds(outcome.seconds)})"
            yield from (f"        {line}" for line in failure(outcome))
    if rules:
        yield "rules: the most rows that a case gave, and the longest time"
        for rule in sorted(results.rules, key=lambda one: -one.seconds):
            yield f"  {rule.rows:5d} {milliseconds(rule.seconds):>10}  {short(rule.place)}"
    uncovered = [rule for rule in results.rules if not rule.rows]
    if uncovered:
        yield "rules that found nothing in any case:"
        yield from (f"  {short(rule.place)}" for rule in uncovered)
    yield summary(results)


def failure(outcome: Outcome) -> Iterator[str]:
    """What a reader needs to see what is wrong."""
    if outcome.passed:
        return
    yield f"{outcome.file}:{outcome.line}"
    if outcome.error:
        yield f"  {outcome.error}"
    for table in outcome.differs:
        yield f"  {table.name}{f'  ({table.same} as expected)' if table.same else ''}"
        yield from (f"    - {row}  expected, not found" for row in table.missing)
        yield from (f"    + {row}  found, not expected" for row in table.unexpected)


def summary(results: Results) -> str:
    count, failed = len(results.outcomes), results.failed
    share = f"{results.covered} of {len(results.rules)} rules covered"
    return f"{count} {'case' if count == 1 else 'cases'}: {count - failed} passed, {failed} failed; {share}"


def short(place: Problem) -> str:
    """File, line and the beginning of a rule."""
    text = place.text if len(place.text) <= LONGEST else f"{place.text[: LONGEST - 4]} ..."
    return str(replace(place, text=text))
