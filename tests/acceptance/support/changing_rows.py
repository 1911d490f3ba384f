"""Rows that change continuously: one each second, a whole table from time to time; and when each engine has them."""

from __future__ import annotations

import contextlib
import http.client
import statistics
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Self

from tests.acceptance.support import congress
from tests.acceptance.support.alarms import POLICY, Alarms
from tests.acceptance.support.deployment import Answer
from tests.acceptance.support.traffic import TIMEOUT, Asked
from tests.support.waiting import wait_for

EACH = 1.0  # seconds between two changes of a row
READ = 0.1
# An engine that does not answer in time is asked again, because a message that the bus lost blocks for minutes.
PATIENCE = 10.0
# Concurrent changes: during a failover, changes wait for its end.
AT_ONCE = 200


class ChangingRows:
    """Use as a context; `whole`: seconds between two pushes of the whole last table."""

    def __init__(self, alarms: Alarms, whole: float) -> None:
        self.alarms, self.whole = alarms, whole
        self.asked: list[Asked] = []
        self.written: dict[int, float] = {}  # number of the change -> time of the request
        self.seen: dict[str, dict[int, float]] = {node_id: {} for node_id in alarms.engines}
        self._over, self._all_over = threading.Event(), threading.Event()

    def __enter__(self) -> Self:
        self._changes = ThreadPoolExecutor(AT_ONCE)
        self._writers = [
            threading.Thread(target=work) for work in (self._change_rows, self._push, self._evaluate)
        ]
        self._readers = [
            threading.Thread(target=self._read, args=engine) for engine in self.alarms.engines.items()
        ]
        for thread in (*self._writers, *self._readers):
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.quiet()
        self._all_over.set()
        for thread in self._readers:
            thread.join(PATIENCE)

    def stop(self) -> None:
        """Request no more changes; continue to watch the engines."""
        self._over.set()

    def quiet(self) -> None:
        """Stop, and wait for the changes in progress."""
        self.stop()
        for thread in self._writers:
            thread.join(TIMEOUT)
        self._changes.shutdown()

    def failed(self, moment: float = 0.0) -> list[Asked]:
        return [asked for asked in list(self.asked) if asked.wrong and asked.began >= moment]

    def took(self, request: str) -> float:
        """Median seconds of a kind of request."""
        return statistics.median(asked.seconds for asked in self.asked if asked.request == request)

    def arrived(self, seconds: float) -> list[float]:
        """For each successful change, the seconds until the last engine had it or a later one."""
        numbers = sorted(self.written)
        return [self._everywhere(number, seconds) - self.written[number] for number in numbers]

    def fresh(self, moment: float, seconds: float) -> float:
        """Seconds from `moment` until every engine had a change that was requested after it."""

        def latest() -> float:
            return max(
                self._first(node_id, lambda n: self.written.get(n, 0.0) >= moment) for node_id in self.seen
            )

        return wait_for("every engine has a row that is younger than the fault", seconds, latest) - moment

    def _everywhere(self, number: int, seconds: float) -> float:
        return wait_for(
            f"every engine has change {number}",
            seconds,
            lambda: max(self._first(node_id, lambda n: n >= number) for node_id in self.seen),
        )

    def _first(self, node_id: str, wanted: Callable[[int], bool]) -> float:
        times = [when for number, when in list(self.seen[node_id].items()) if wanted(number)]
        assert times, (
            f"{node_id} knows change {max(self.seen[node_id], default=None)} of {max(self.written, default=None)}"
        )
        return min(times)

    def _change_rows(self) -> None:
        for number in count(1):
            if self._over.wait(EACH):
                break
            self._changes.submit(self._change_row, number)

    def _change_row(self, number: int) -> None:
        began = time.time()
        if self._ask("one row", lambda: self.alarms.change(str(number))):
            self.written[number] = began

    def _push(self) -> None:
        while not self._over.wait(self.whole):
            self._ask("whole table", lambda: self.alarms.push(self.alarms.last))

    def _evaluate(self) -> None:
        while not self._over.wait(EACH):
            for table in ("filter", "join"):
                path = f"/v1/policies/{POLICY}/tables/{table}/rows"
                self._ask(table, lambda path=path: self.alarms.deployment.api("GET", path, timeout=TIMEOUT))  # type: ignore[misc]

    def _ask(self, request: str, asking: Callable[[], Answer]) -> bool:
        began, started, wrong = time.time(), time.monotonic(), ""
        try:
            answer = asking()
            if answer.status not in {200, 204}:
                wrong = f"{answer.status}: {str(answer.body)[:200]}"
        except (OSError, http.client.HTTPException, ValueError) as error:
            wrong = repr(error)
        self.asked.append(Asked("alarms", request, began, time.monotonic() - started, wrong))
        return not wrong

    def _read(self, node_id: str, url: str) -> None:
        while not self._all_over.wait(READ):
            # An engine that does not answer has no row.
            with contextlib.suppress(AssertionError, OSError, http.client.HTTPException):
                for (value,) in congress.rows(url, f"policies/{POLICY}/tables/changed", PATIENCE):
                    if value.isdigit():
                        self.seen[node_id].setdefault(int(value), time.time())
