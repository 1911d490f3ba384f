"""One recorded run of the program for each kind of stack that the tests use, and a cloud that is asked beforehand."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import openstack
import pytest

from tests.unit.support import recording as recorded
from tests.unit.support.fake_cloud import FakeCloud
from tests.unit.support.recording import Recording


@pytest.fixture(scope="session")
def recording() -> Recording:
    """The smallest stack: every setting with a default keeps it."""
    return recorded.run()


@pytest.fixture(scope="session")
def with_keystone() -> Recording:
    """The smallest stack with keystone, registered by the deployer's own login."""
    return recorded.run(recorded.settings_with(auth="keystone"), recorded.WITH_KEYSTONE)


@pytest.fixture(scope="session")
def with_engines() -> Callable[[int, int], Recording]:
    """Recording of a stack with (count, per_host) engines."""

    @cache
    def run(count: int, per_host: int) -> Recording:
        return recorded.run(recorded.settings_with(policyEngines={"count": count, "perHost": per_host}))

    return run


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeCloud:
    fake_cloud = FakeCloud()
    monkeypatch.setattr(openstack, "connect", lambda **_: fake_cloud)
    return fake_cloud
