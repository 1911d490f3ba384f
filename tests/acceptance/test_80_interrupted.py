"""An `up` that was cut off: the next one ends in the state of one that was not."""

from __future__ import annotations

import random

import pytest
from openstack.connection import Connection

from tests.acceptance.support.deployment import Deployment
from tests.acceptance.support.interruptions import GROWTH, LASTS, SETTING, Interruption, Laboratory

pytestmark = [pytest.mark.full, pytest.mark.timeout(600)]

# Two that take their share of the suite's time; `make acceptance-full` does ten, cold ones too.
SEED = 1


@pytest.mark.parametrize(("operation", "disruption"), [(GROWTH, "engine killed"), (SETTING, "Ctrl-C")])
def test_the_next_up_goes_on(
    deployment: Deployment, clouds: dict[str, Connection], operation: str, disruption: str
) -> None:
    moment = random.Random(SEED).uniform(0, LASTS[operation])  # noqa: S311  no cryptography
    laboratory = Laboratory(deployment, clouds["lab"])
    laboratory.suffer(Interruption(operation, disruption, moment, "up", ""))
