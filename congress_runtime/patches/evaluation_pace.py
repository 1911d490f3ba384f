"""The time limit of an evaluation, and its pauses for other green threads.

An engine is one process with one event loop. An evaluation with pauses yields the loop every 3 ms. Longer evaluations
take turns, so a request waits for one of them at a time, however many there are.

A simulation or a trace runs without pauses, because upstream's evaluator reads the engine's own tables, which may not
change meanwhile. Such an evaluation ends after two seconds, because the engine answers nobody until then.
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
CHECK_ROWS = 200  # rows between two reads of the clock
LIMIT_WITHOUT_PAUSES = 2.0  # seconds
MAX_ROWS = 1_000_000
NAME = "evaluation_limit"

error_codes.errors[NAME] = (1023, "The evaluation was ended", HTTPStatus.UNPROCESSABLE_ENTITY)


class Pace:
    """Called for each row that an evaluation reads, with the text of the rule that reads it."""

    limit = 60.0  # seconds, policyEngines.evaluationLimit
    turns = Semaphore(1)

    def __init__(self, subject: str, *, pauses: bool) -> None:
        self.subject, self.pauses = subject, pauses
        self.has_turn = False
        self.rows_until_check = CHECK_ROWS
        self.start = self.slice = time.monotonic()

    def __enter__(self) -> Self:
        self.start = self.slice = time.monotonic()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.release_turn()

    def __call__(self, rule: str) -> None:
        self.rows_until_check -= 1
        if self.rows_until_check < 0:
            self.check_time(rule)

    def check_time(self, rule: str) -> None:
        self.rows_until_check = CHECK_ROWS
        now = time.monotonic()
        limit = self.limit if self.pauses else min(self.limit, LIMIT_WITHOUT_PAUSES)
        if now - self.start > limit:
            raise self.limit_error(f"after {limit:g} s", rule)
        if self.pauses and now - self.slice > SLICE:
            self.release_turn()
            sleep(0)
            self.has_turn = self.turns.acquire()
            self.slice = time.monotonic()
            self.start += self.slice - now  # the time of other evaluations does not count

    def release_turn(self) -> None:
        if self.has_turn:
            self.has_turn = False
            self.turns.release()

    def check_count(self, rows: int, rule: str) -> None:
        if rows > MAX_ROWS:
            raise self.limit_error(f"at more than {MAX_ROWS:,} rows", rule)

    def limit_error(self, when: str, rule: str) -> Any:
        why = "" if self.pauses else ", because it cannot be interrupted"
        return PolicyRuntimeException(
            f"Evaluating {self.subject} was ended {when}{why}, in {' '.join(rule.split())}; "
            "make the rule match fewer rows, or set policyEngines.evaluationLimit",
            name=NAME,
        )
