"""How long an evaluation may take, and that it lets others work meanwhile.

An engine is one process with one loop. An evaluation that others wait for hands the loop on each 3 ms. Those that
last longer take turns, so that a request waits for one of them at a time, however many there are.

What is not prepared for rows that change meanwhile (a simulation, a trace: upstream's evaluator reads the engine's own
tables) is not interrupted, and is ended after two seconds instead: meanwhile the engine answers nobody.
"""

from __future__ import annotations

import time
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self

from congress.api import error_codes
from congress.exception import PolicyRuntimeException
from eventlet import sleep
from eventlet.semaphore import Semaphore

SLICE = 0.003  # seconds between two pauses
OFTEN = 200  # rows between two looks at the clock
UNINTERRUPTED = 2.0  # seconds
MOST_ROWS = 1_000_000
NAME = "evaluation_limit"

error_codes.errors[NAME] = (1023, "The evaluation was ended", HTTPStatus.UNPROCESSABLE_ENTITY)


class Pace:
    """Called for each row that is looked at, with the rule on whose behalf."""

    limit = 60.0  # seconds, policyEngines.evaluationLimit
    turns = Semaphore(1)

    def __init__(self, subject: str, *, pauses: bool) -> None:
        self.subject, self.pauses = subject, pauses
        self.has_turn = False
        self.left = OFTEN
        self.begin = self.slice = time.monotonic()

    def __enter__(self) -> Self:
        self.begin = self.slice = time.monotonic()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.give_turn()

    def __call__(self, rule: str) -> None:
        self.left -= 1
        if self.left < 0:
            self.look(rule)

    def look(self, rule: str) -> None:
        self.left = OFTEN
        now = time.monotonic()
        limit = self.limit if self.pauses else min(self.limit, UNINTERRUPTED)
        if now - self.begin > limit:
            raise self.ended(f"after {limit:g} s", rule)
        if self.pauses and now - self.slice > SLICE:
            self.give_turn()
            sleep(0)
            self.has_turn = self.turns.acquire()
            self.slice = time.monotonic()
            self.begin += self.slice - now  # what others had is theirs

    def give_turn(self) -> None:
        if self.has_turn:
            self.has_turn = False
            self.turns.release()

    def count(self, found: int, rule: str) -> None:
        if found > MOST_ROWS:
            raise self.ended(f"at more than {MOST_ROWS:,} rows", rule)

    def ended(self, when: str, rule: str) -> Any:
        why = "" if self.pauses else ", for it cannot be interrupted"
        return PolicyRuntimeException(
            f"Evaluating {self.subject} was ended {when}{why}, in {' '.join(rule.split())}; "
            "let the rule find fewer rows, or set policyEngines.evaluationLimit",
            name=NAME,
        )
