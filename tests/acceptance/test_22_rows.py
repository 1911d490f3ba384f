"""The API keeps working with a table of 20,000 rows, about the security group rules of 1,000 servers.

And with rows that change all the time, every engine follows and has exactly the datasource's rows.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.acceptance.support.alarms import Alarms, alarms
from tests.acceptance.support.changing_rows import ChangingRows
from tests.acceptance.support.deployment import Deployment
from tests.acceptance.support.haproxy_statistics import taken_down
from tests.acceptance.support.push import Pushed, events, pushed
from tests.acceptance.support.traffic import Traffic

ROWS = 20_000
REACHED = 120.0  # seconds until every engine has what was pushed


CHANGING, WHOLE, FOLLOWED = 5_000, 15.0, 15.0
DURATION = 40.0


@pytest.fixture(scope="module")
def table(deployment: Deployment) -> Iterator[Pushed]:
    with pushed(deployment) as table:
        yield table


@pytest.mark.timeout(900)
def test_the_api_goes_on_while_a_large_table_comes_and_changes(
    deployment: Deployment, clients: Traffic, table: Pushed
) -> None:
    """Upstream, engines rebuilt each row at each synchronisation: from 15,000 rows on, none answered."""
    down, began = taken_down(deployment), time.time()
    for changed in range(3):
        rows = events(ROWS, changed)
        table.push(rows)
        table.reached(rows, REACHED)
    clients.answered()
    assert clients.failed(began) == [], [str(asked) for asked in clients.failed(began)]
    assert taken_down(deployment) == down


@pytest.fixture(scope="module")
def changing_tables(deployment: Deployment, table: Pushed) -> Iterator[Alarms]:
    with alarms(deployment, table.engines, 2) as tables:
        tables.size = CHANGING
        tables.push_all(REACHED)
        yield tables


@pytest.mark.timeout(900)
def test_every_engine_follows_rows_that_change_all_the_time(
    deployment: Deployment, clients: Traffic, changing_tables: Alarms
) -> None:
    down, began = taken_down(deployment), time.time()
    with ChangingRows(changing_tables, WHOLE) as changing:
        time.sleep(DURATION)
        changing.quiet()
        arrived = changing.arrived(FOLLOWED)
    clients.answered()
    assert len(arrived) > DURATION / 2
    assert max(arrived) < FOLLOWED
    changing_tables.exact(REACHED, CHANGING)
    failed = [*clients.failed(began), *changing.failed()]
    assert failed == [], [str(asked) for asked in failed]
    assert taken_down(deployment) == down


@pytest.mark.timeout(900)
def test_an_engine_that_was_restarted_has_exactly_the_rows(
    deployment: Deployment, changing_tables: Alarms
) -> None:
    engine = deployment.engines[0]
    with ChangingRows(changing_tables, WHOLE) as changing:
        deployment.on(engine["host"], f"systemctl restart congress-policy-engine@{engine['node_id']}")
        changing.fresh(time.time(), REACHED)
    changing_tables.exact(REACHED, CHANGING)
