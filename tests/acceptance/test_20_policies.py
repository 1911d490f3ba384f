"""What a user gets at the endpoint: policies that every engine evaluates, datasources, one engine per client."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from openstack.connection import Connection

from tests.acceptance.support import congress
from tests.acceptance.support.deployment import Deployment, request
from tests.acceptance.support.haproxy_statistics import requests_sent
from tests.support.waiting import wait_for

POLICY = "acceptance"
SYNC = 30  # seconds; the stack's syncPeriod is 5


@pytest.fixture(scope="module")
def engines(deployment: Deployment) -> Iterator[dict[str, str]]:
    congress.forget(deployment, POLICY, congress.NOVA)
    with deployment.engine_urls() as urls:
        yield urls
    # Polled every 2 s, it would take a tenth of a core from each later test.
    congress.forget(deployment, POLICY, congress.NOVA)


def test_a_rule_made_at_the_endpoint_is_evaluated_by_every_engine(
    deployment: Deployment, engines: dict[str, str]
) -> None:
    congress.ok(deployment.api("POST", "/v1/policies", {"name": POLICY}))
    for rule in ("p(1)", "p(2)", "q(x) :- p(x), gt(x, 1)"):
        congress.ok(deployment.api("POST", f"/v1/policies/{POLICY}/rules", {"rule": rule}))
    table = f"policies/{POLICY}/tables/q"
    wait_for(
        "every engine evaluates q to 2",
        SYNC,
        lambda: set(map(tuple, congress.by_engine(engines, table).values())) == {(("2",),)},
    )


def test_every_engine_shows_the_same_rows_of_a_polled_datasource(
    deployment: Deployment, engines: dict[str, str], clouds: dict[str, Connection]
) -> None:
    congress.ok(
        deployment.api(
            "POST",
            "/v1/data-sources",
            congress.datasource_of("nova", congress.NOVA, clouds["lab-admin"]),
            timeout=130,
        )
    )
    names = {server.name for server in clouds["lab"].compute.servers()}

    def polled() -> bool:
        seen = congress.by_engine(engines, f"data-sources/{congress.NOVA}/tables/servers")
        return all(names <= {row[1] for row in rows} for rows in seen.values())

    wait_for(f"the rows of {len(names)} servers through every engine", SYNC, polled)
    for url in engines.values():
        status = congress.ok(request("GET", f"{url}/v1/data-sources/{congress.NOVA}/status"))
        assert status["last_error"] == "None", status


def test_a_rule_over_the_datasource_is_evaluated_by_every_engine(
    deployment: Deployment, engines: dict[str, str], clouds: dict[str, Connection]
) -> None:
    rule = f'active(name) :- {congress.NOVA}:servers(name=name, status="ACTIVE")'
    # An engine gets a new datasource's tables at its next synchronisation, and refuses the rule until then.
    wait_for(
        "the endpoint takes a rule over nova's table",
        SYNC,
        lambda: congress.ok(deployment.api("POST", f"/v1/policies/{POLICY}/rules", {"rule": rule})),
    )
    names = {server.name for server in clouds["lab"].compute.servers() if server.status == "ACTIVE"}
    table = f"policies/{POLICY}/tables/active"
    wait_for(
        "every engine evaluates the rule over nova's table",
        SYNC,
        lambda: all(
            names <= {row[0] for row in rows} for rows in congress.by_engine(engines, table).values()
        ),
    )


def test_one_client_stays_on_one_engine(deployment: Deployment) -> None:
    """ "It is recommended that a sticky configuration be used"; each request here has its own connection."""
    before = requests_sent(deployment)
    for _ in range(20):
        congress.ok(deployment.api("GET", "/v1/policies"))
    after = requests_sent(deployment)
    served = {engine: after[engine] - before[engine] for engine in after}
    assert sorted(served.values()) == [0] * (len(served) - 1) + [20], served
