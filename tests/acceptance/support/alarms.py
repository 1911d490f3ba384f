"""Datasources of the vitrage driver, any number and size. A whole table is pushed; a single row comes by webhook.

It is Congress's only driver with both ways. Each row has the second of its arrival (`receive_timestamp`), so a table
that is pushed again has only new rows, even if nothing else changed. Only the process of the datasource node has the
rows: after a failover the sender must push them again.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from tests.acceptance.support import congress
from tests.acceptance.support.deployment import Answer, Deployment
from tests.acceptance.support.push import SYNC
from tests.acceptance.support.traffic import TIMEOUT
from tests.support.waiting import wait_for

POLICY, DATASOURCE = "alarms", "pushed_alarms"
TABLE = "alarms"
CHANGED_ROW = "alarm-0"
# The columns in which rows differ here; the driver's other columns are empty.
COLUMNS = ("name", "state", "vitrage_id", "receive_timestamp", "resource_name")


def alarm(number: int, value: str = "") -> dict[str, Any]:
    return {
        "name": f"host-{number % 1000}",
        "state": "down" if number % 100 == 0 else "up",
        "vitrage_id": f"alarm-{number}",
        # The driver drops alarms that are older than ten days.
        "update_timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "resource": {"name": value},
    }


def rules(sources: list[str]) -> list[str]:
    """All rows of each table, the row that changes, a filter, and a join of the first and the last table."""
    columns = ", ".join(f"{column}={column}" for column in COLUMNS)
    first, last = sources[0], sources[-1]
    return [
        *(f"{source}({', '.join(COLUMNS)}) :- {source}:{TABLE}({columns})" for source in sources),
        f'changed(value) :- {first}:{TABLE}(vitrage_id="{CHANGED_ROW}", resource_name=value)',
        f'filter(id) :- {first}:{TABLE}(vitrage_id=id, state="down")',
        f'join(id) :- {first}:{TABLE}(vitrage_id=id, state="down"), {last}:{TABLE}(vitrage_id=id, state="down")',
    ]


@dataclass
class Alarms:
    """`engines`: node_id -> URL of only that engine; `sources`: name -> id of each datasource."""

    deployment: Deployment
    engines: Mapping[str, str]
    sources: Mapping[str, str]
    size: int = 0

    @property
    def first(self) -> str:
        """The table in which a row changes."""
        return next(iter(self.sources))

    @property
    def last(self) -> str:
        """The table that is replaced as a whole."""
        return list(self.sources)[-1]

    def push(self, source: str) -> Answer:
        """Replace the whole table of one datasource."""
        path = f"/v1/data-sources/{self.sources[source]}/tables/{TABLE}/rows"
        rows = [alarm(number) for number in range(self.size)]
        return self.deployment.api("PUT", path, rows, timeout=TIMEOUT)

    def change(self, value: str) -> Answer:
        """Change one row of the first table."""
        path = f"/v1/data-sources/{self.sources[self.first]}/webhook"
        notified = {"notification": "vitrage.alarm.activate", "payload": alarm(0, value)}
        return self.deployment.api("POST", path, notified, timeout=TIMEOUT)

    def push_all(self, seconds: float) -> float:
        """Push each table; return the seconds until every engine has exactly these rows."""
        began = time.monotonic()
        for source in self.sources:
            answer = self.push(source)
            assert answer.status in {200, 204}, answer
        self.exact(began + seconds - time.monotonic(), self.size)
        return time.monotonic() - began

    def exact(self, seconds: float, size: int | None = None) -> float:
        """Return the seconds until each engine has exactly the rows that the datasource node has.

        `size`: the expected number of rows. No row may change meanwhile. The comparison itself takes seconds: 100,000
        rows are megabytes of JSON from each node.
        """
        began = time.monotonic()
        for source in self.sources:
            remaining = began + seconds - time.monotonic()
            wait_for(
                f"every engine has exactly the rows of {source}", remaining, partial(self._same, source, size)
            )
        return time.monotonic() - began

    def _same(self, source: str, size: int | None) -> bool:
        expected = self.of_the_datasource(source)
        assert size in {None, len(expected)}, f"{source} itself has {len(expected)} rows of {size}"
        for node_id, url in self.engines.items():
            rows = congress.rows(url, f"policies/{POLICY}/tables/{source}", timeout=TIMEOUT)
            assert rows == expected, (
                f"{node_id} has {len(rows)} rows of {len(expected)}, lacks {len(set(expected) - set(rows))}, "
                f"has {len(set(rows) - set(expected))} that are none of {source}"
            )
        return True

    def of_the_datasource(self, source: str) -> list[tuple[str, ...]]:
        """The COLUMNS of the rows in the datasource node itself, sorted."""
        url, table = next(iter(self.engines.values())), f"data-sources/{self.sources[source]}/tables/{TABLE}"
        schema = congress.ok(self.deployment.api("GET", f"/v1/{table}/spec", timeout=TIMEOUT))
        names = [column["name"] for column in schema["columns"]]
        picked = [names.index(column) for column in COLUMNS]
        return sorted(tuple(row[index] for index in picked) for row in congress.rows(url, table, TIMEOUT))


@contextmanager
def alarms(deployment: Deployment, engines: Mapping[str, str], tables: int) -> Iterator[Alarms]:
    """Create so many datasources with at most one row; remove them and the policy at the end."""
    names = [f"{DATASOURCE}_{number}" for number in range(tables)]
    forget(deployment)
    try:
        made = Alarms(deployment, engines, {name: create(deployment, name) for name in names})
        congress.ok(deployment.api("POST", "/v1/policies", {"name": POLICY}))
        for rule in rules(names):
            wait_for(
                "the endpoint takes a rule over the new datasource",
                SYNC,
                lambda rule=rule: congress.ok(  # type: ignore[misc]
                    deployment.api("POST", f"/v1/policies/{POLICY}/rules", {"rule": rule}, timeout=TIMEOUT)
                ),
            )
        answer = made.change("first")
        assert answer.status == 200, answer
        made.exact(SYNC)
        yield made
    finally:
        forget(deployment)


def create(deployment: Deployment, name: str) -> str:
    # The API requires a configuration, although the driver needs none.
    source = {"name": name, "driver": "vitrage", "config": {"persist_data": "False"}}
    return str(congress.ok(deployment.api("POST", "/v1/data-sources", source, timeout=TIMEOUT))["id"])


def forget(deployment: Deployment) -> None:
    congress.forget(deployment, POLICY)
    datasources = congress.ok(deployment.api("GET", "/v1/data-sources", timeout=TIMEOUT))["results"]
    for source in datasources:
        if source["name"].startswith(DATASOURCE):
            congress.ok(deployment.api("DELETE", f"/v1/data-sources/{source['id']}", timeout=TIMEOUT))
