"""A datasource that changes continuously, and when each engine's policy has each change.

The description of a project in keystone has a counter. The datasource node polls keystone, the engines get its rows,
and a rule of a policy derives a table from them. So a row of that table in an engine has passed the whole way.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Mapping
from typing import Any, Self

from keystoneauth1.exceptions import ClientException
from openstack.connection import Connection
from openstack.exceptions import SDKException

from tests.acceptance.support import congress
from tests.acceptance.support.deployment import Deployment
from tests.support.waiting import wait_for

POLICY = "freshness"
DATASOURCE = "freshness_keystone"
PROJECT = "congress-freshness"
RULE = f'counter(count) :- {DATASOURCE}:projects(name="{PROJECT}", description=count)'
WRITE, READ = 0.4, 0.2
# A request that the bus lost blocks for a minute or two; a new request has the rows long before.
PATIENCE = 5.0


class FreshnessProbe:
    """Use as a context, after `prepare`."""

    def __init__(self, deployment: Deployment, admin: Connection, engines: Mapping[str, str]) -> None:
        self.deployment, self.admin, self.engines = deployment, admin, engines
        keystone: Any = admin.identity
        self.keystone = keystone
        self.project = keystone.find_project(PROJECT) or keystone.create_project(name=PROJECT)
        self.written: dict[str, float] = {}
        # Keystone's last error.
        self.refused = ""
        self.seen: dict[str, dict[str, float]] = {node_id: {} for node_id in engines}
        self._over = threading.Event()

    def prepare(self) -> None:
        """Create the datasource, the policy and the rule."""
        self.forget()
        made = congress.datasource_of("keystonev3", DATASOURCE, self.admin, poll_time=1)
        congress.ok(self.deployment.api("POST", "/v1/data-sources", made, timeout=130))
        congress.ok(self.deployment.api("POST", "/v1/policies", {"name": POLICY}))
        wait_for(
            "the endpoint takes a rule over the new datasource",
            30,
            lambda: congress.ok(self.deployment.api("POST", f"/v1/policies/{POLICY}/rules", {"rule": RULE})),
        )

    def forget(self) -> None:
        """Remove the datasource, because it has the administrator's password."""
        congress.forget(self.deployment, POLICY, DATASOURCE)

    def __enter__(self) -> Self:
        self._threads = [
            threading.Thread(target=self._write),
            *(threading.Thread(target=self._read, args=engine) for engine in self.engines.items()),
        ]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(60)

    def fresh(self, moment: float, limit: float) -> float:
        """Seconds from `moment` until every engine has a count that was written after it."""
        return max(
            wait_for(
                f"{node_id} knows a row of the datasource that is younger than the fault",
                moment + limit - time.time(),
                lambda seen=seen: self._first(seen, moment),  # type: ignore[misc]
                pause=0.05,
            )
            for node_id, seen in self.seen.items()
        )

    def single(self, limit: float) -> None:
        """Wait until each engine has exactly one row, with no row of an earlier datasource node."""

        def one_each() -> bool:
            answers = congress.by_engine(self.engines, f"policies/{POLICY}/tables/counter")
            assert all(len(rows) == 1 for rows in answers.values()), answers
            return True

        wait_for("each engine has one row of the datasource and no old one beside it", limit, one_each)

    def _first(self, seen: dict[str, float], moment: float) -> float:
        times = [when for count, when in list(seen.items()) if self.written.get(count, 0) >= moment]
        assert times, self._story()
        return min(times) - moment

    def _story(self) -> str:
        """Ages in seconds of the last written row, and of the last row in each engine."""
        last = {"written": list(self.written.values())}
        last |= {
            node_id: [self.written.get(count, 0) for count in list(seen)]
            for node_id, seen in self.seen.items()
        }
        now = time.time()
        ages = ", ".join(f"{who} {now - max(when, default=0):.0f} s ago" for who, when in last.items())
        return f"{ages}; keystone's last error: {self.refused or 'none'}"

    def _write(self) -> None:
        while not self._over.wait(WRITE):
            count, moment = f"{time.time():.1f}", time.time()
            try:
                self.keystone.update_project(self.project, description=count)
                self.written[count] = moment
            except (OSError, SDKException, ClientException) as error:
                # A temporarily slow cloud only counts less often.
                self.refused = str(error)

    def _read(self, node_id: str, url: str) -> None:
        while not self._over.wait(READ):
            with contextlib.suppress(AssertionError, OSError):  # an engine that does not answer has no row
                for (count,) in congress.rows(url, f"policies/{POLICY}/tables/counter", PATIENCE):
                    self.seen[node_id].setdefault(count, time.time())
