"""A datasource of any size whose rows are pushed through the API, and the rows that every engine has."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.acceptance.support import congress
from tests.acceptance.support.deployment import Deployment
from tests.acceptance.support.traffic import TIMEOUT
from tests.support.waiting import wait_for

POLICY, DATASOURCE = "pushed", "pushed_doctor"
RULES = (
    f'seen(id) :- {DATASOURCE}:events(monitor_event_id=id, monitor="bench")',
    f'down(host) :- {DATASOURCE}:events(hostname=host, status="down")',
)
SYNC = 60.0  # seconds; an engine has a new datasource's tables after its next synchronisation


def events(count: int, changed: int = 0) -> list[dict[str, Any]]:
    """`count` rows of the doctor driver's table; those with different `changed` differ in one row."""
    return [
        {
            "time": "2026-11-28T00:00:00Z",
            "type": "compute.host.down",
            "details": {
                "hostname": f"compute-{number % 1000}",
                "status": "down" if number % 100 == 0 else "up",
                "monitor": "bench",
                "monitor_event_id": f"changed-{changed}" if number == 0 else f"event-{number}",
            },
        }
        for number in range(count)
    ]


@dataclass
class Pushed:
    """The table `events` of a datasource of the doctor driver, and a policy with rules over it."""

    deployment: Deployment
    engines: Mapping[str, str]  # node_id -> URL of only that engine
    datasource: str  # its id

    def push(self, rows: list[dict[str, Any]]) -> None:
        """Replace the whole table."""
        path = f"/v1/data-sources/{self.datasource}/tables/events/rows"
        answer = self.deployment.api("PUT", path, rows, timeout=TIMEOUT)
        assert answer.status in {200, 204}, answer

    def reached(self, rows: list[dict[str, Any]], seconds: float) -> float:
        """Return the seconds until each engine has exactly these rows."""
        expected = {row["details"]["monitor_event_id"] for row in rows}

        def same() -> bool:
            for node_id, url in self.engines.items():
                rows = congress.rows(url, f"policies/{POLICY}/tables/seen", timeout=TIMEOUT)
                missing = len(expected - {event for (event,) in rows})
                assert len(rows) == len(expected) and not missing, (  # noqa: PT018
                    f"{node_id} has {len(rows)} of {len(expected)} rows, {missing} are missing"
                )
            return True

        began = time.monotonic()
        wait_for("every engine has exactly the pushed rows", seconds, same)
        return time.monotonic() - began


@contextmanager
def pushed(deployment: Deployment) -> Iterator[Pushed]:
    """Create an empty table; remove datasource and policy at the end."""
    congress.forget(deployment, POLICY, DATASOURCE)
    made = {"name": DATASOURCE, "driver": "doctor", "config": {}}
    datasource = congress.ok(deployment.api("POST", "/v1/data-sources", made, timeout=TIMEOUT))
    congress.ok(deployment.api("POST", "/v1/policies", {"name": POLICY}))
    for rule in RULES:
        wait_for(
            "the endpoint takes a rule over the new datasource",
            SYNC,
            lambda rule=rule: congress.ok(  # type: ignore[misc]
                deployment.api("POST", f"/v1/policies/{POLICY}/rules", {"rule": rule})
            ),
        )
    try:
        with deployment.engine_urls() as urls:
            table = Pushed(deployment, urls, datasource["id"])
            table.push(events(1))
            table.reached(events(1), SYNC)
            yield table
    finally:
        congress.forget(deployment, POLICY, DATASOURCE)
