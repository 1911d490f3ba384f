"""A table of 20,000 rows, about what the security group rules of 1,000 servers are: the API goes on."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.acceptance.deployment import Deployment
from tests.acceptance.push import Pushed, events, pushed, taken_down
from tests.acceptance.traffic import Traffic

ROWS = 20_000
REACHED = 120.0  # seconds until every engine has what was pushed


@pytest.fixture(scope="module")
def table(deployment: Deployment) -> Iterator[Pushed]:
    with pushed(deployment) as table:
        yield table


@pytest.mark.timeout(900)
def test_the_api_goes_on_while_a_large_table_comes_and_changes(
    deployment: Deployment, clients: Traffic, table: Pushed
) -> None:
    """Upstream, engines built each row anew at each synchronisation: from 15,000 rows on none of them answered."""
    down, began = taken_down(deployment), time.time()
    for changed in range(3):
        rows = events(ROWS, changed)
        table.push(rows)
        table.reached(rows, REACHED)
    clients.answered()
    assert clients.failed(began) == [], [str(asked) for asked in clients.failed(began)]
    assert taken_down(deployment) == down
