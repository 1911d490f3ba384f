"""RabbitMQ is short of memory or disk space for minutes: nodes wait, and afterwards continue by themselves."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from openstack.connection import Connection

from tests.acceptance.support.alarms import Alarms, alarms
from tests.acceptance.support.bus_alarms import LASTS, LIMITS, waited_out
from tests.acceptance.support.deployment import Deployment
from tests.acceptance.support.pair import Pair, watched

pytestmark = [pytest.mark.full, pytest.mark.timeout(LASTS + 900)]

ROWS = 5_000
REACHED = 120.0


@pytest.fixture(scope="module")
def pair(deployment: Deployment, clouds: dict[str, Connection]) -> Iterator[Pair]:
    with watched(deployment, clouds["lab-admin"]) as pair:
        yield pair


@pytest.fixture(scope="module")
def tables(deployment: Deployment, pair: Pair) -> Iterator[Alarms]:
    with alarms(deployment, pair.probe.engines, 2) as tables:
        tables.size = ROWS
        tables.push_all(REACHED)
        yield tables


@pytest.mark.parametrize("what", LIMITS)
def test_publications_wait_no_node_restarts_and_rows_are_right_afterwards(
    pair: Pair, tables: Alarms, what: str
) -> None:
    waited_out(pair, tables, what)
