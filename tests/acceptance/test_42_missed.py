"""An engine that misses a publication of a datasource soon gets the rows, even if the table does not change again.

The queues of publications end with RabbitMQ. What the datasource node publishes before an engine is connected again
never reaches that engine. Here one engine is stopped while RabbitMQ restarts and a row changes, so it certainly misses
the change, and no later change can reveal that something is missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from openstack.connection import Connection

from tests.acceptance.support import congress
from tests.acceptance.support.bus import restart_bus
from tests.acceptance.support.deployment import Deployment
from tests.support.waiting import wait_for

POLICY, DATASOURCE = "missed", "missed_keystone"
RULE = f"quiet(name) :- {DATASOURCE}:roles(name=name)"
TABLE = f"policies/{POLICY}/tables/quiet"
RESTARTED = 60  # seconds until the node publishes again, and the other engine hears of it
MISSED = 30  # seconds after the engine goes on


@pytest.fixture(scope="module")
def engines(deployment: Deployment, clouds: dict[str, Connection]) -> Iterator[dict[str, str]]:
    """node_id -> URL of the engines, with a rule over keystone's roles."""
    congress.forget(deployment, POLICY, DATASOURCE)
    made = congress.datasource_of("keystonev3", DATASOURCE, clouds["lab-admin"], poll_time=1)
    congress.ok(deployment.api("POST", "/v1/data-sources", made, timeout=130))
    congress.ok(deployment.api("POST", "/v1/policies", {"name": POLICY}))
    wait_for(
        "the endpoint takes a rule over the new datasource",
        30,
        lambda: congress.ok(deployment.api("POST", f"/v1/policies/{POLICY}/rules", {"rule": RULE})),
    )
    with deployment.engine_urls() as urls:
        for node_id, url in urls.items():
            wait_for(f"{node_id} has roles", 60, partial(congress.rows, url, TABLE))
        yield urls
    congress.forget(deployment, POLICY, DATASOURCE)


def test_an_engine_has_what_was_published_while_it_had_no_bus(
    deployment: Deployment, engines: dict[str, str], clouds: dict[str, Connection]
) -> None:
    first, second = deployment.engines
    with role(clouds["lab-admin"]) as (name, create):
        with stopped(deployment, first):
            restart_bus(deployment)
            create()
            has(name, engines, second["node_id"], RESTARTED)
        has(name, engines, first["node_id"], MISSED)


def has(role: str, engines: dict[str, str], node_id: str, seconds: float) -> None:
    wait_for(
        f"{node_id} has the new role",
        seconds,
        lambda: (role,) in congress.rows(engines[node_id], TABLE, timeout=5),
    )


@contextmanager
def stopped(deployment: Deployment, engine: dict[str, Any]) -> Iterator[None]:
    """Stop an engine by SIGSTOP, for less time than congress_runtime.guard regards as a hang."""
    unit = f"congress-policy-engine@{engine['node_id']}"
    kill = f"systemctl kill --kill-whom=main {unit} --signal"
    deployment.on(engine["host"], f"{kill} STOP")
    try:
        yield
    finally:
        deployment.on(engine["host"], f"{kill} CONT")


@contextmanager
def role(admin: Connection) -> Iterator[Any]:
    """The name of an unused role of keystone, and a function that creates it."""
    keystone: Any = admin.identity
    name, created = f"congress-missed-{uuid4().hex[:8]}", []
    try:
        yield name, lambda: created.append(keystone.create_role(name=name))
    finally:
        for role in created:
            keystone.delete_role(role)
