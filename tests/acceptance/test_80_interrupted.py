"""After an interrupted `up`, the next one ends in the same state as an uninterrupted one."""

from __future__ import annotations

import random

import pytest
from openstack.connection import Connection

from tests.acceptance.support.deployment import Deployment
from tests.acceptance.support.interruptions import GROWTH, LASTS, SETTING, Interruption, Laboratory

pytestmark = [pytest.mark.full, pytest.mark.timeout(600)]

# Two interruptions, because they take time; `make acceptance-full` does ten, including cold ones.
SEED = 1


@pytest.mark.parametrize(("operation", "disruption"), [(GROWTH, "engine killed"), (SETTING, "Ctrl-C")])
def test_the_next_up_goes_on(
    deployment: Deployment, clouds: dict[str, Connection], operation: str, disruption: str
) -> None:
    moment = random.Random(SEED).uniform(0, LASTS[operation])  # noqa: S311  no cryptography
    laboratory = Laboratory(deployment, clouds["lab"])
    laboratory.suffer(Interruption(operation, disruption, moment, "up", ""))
