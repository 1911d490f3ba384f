"""The login for fencing is made from the deployer's, if that may make one."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from tests.support.deployer import LOGIN
from tests.unit.support.fake_cloud import FakeCloud, look_up, problems


def test_the_login_for_fencing_is_made_from_the_deployers(fake: FakeCloud) -> None:
    expected = replace(
        LOGIN,
        auth_url="https://cloud/v3",
        region="RegionTwo",
        interface="internal",
        compute_path="/compute/v2.1",
    )
    assert look_up().login == expected
    fake.access.role_names = ["operator"]
    assert look_up().login == replace(expected, roles=("operator",))


@pytest.mark.parametrize("answer", [401, 403, 404, 500, 503])
def test_a_credential_without_access_rules_is_made_by_the_setting_alone(fake: FakeCloud, answer: int) -> None:
    fake.identity.get = lambda _: SimpleNamespace(status_code=answer)
    (problem,) = problems()
    assert problem.startswith(
        f"congress-ha:datasourceNode.fencingAccessRules: keystone answers {answer} when it is asked for access rules"
    )
    assert problem.endswith("or accept that by false")
    for node in (
        {"fencingAccessRules": False},
        {"fencing": "fence_openstack", "fencingLogin": {"username": "u", "password": "p", "project": "x"}},
    ):
        assert look_up(datasourceNode=node).login is not None


@pytest.mark.usefixtures("fake")
def test_without_fencing_no_login_is_needed() -> None:
    assert look_up(datasourceNode={"fencing": "none"}).login is None


def test_a_restricted_login_cannot_make_the_one_for_fencing(fake: FakeCloud) -> None:
    fake.access.credential = {"id": "a", "restricted": True}
    (problem,) = problems()
    assert problem.startswith(
        "congress-ha:datasourceNode.fencing: your login is a restricted application credential"
    )
    assert "--unrestricted" in problem
    fake.access.credential = {"id": "a", "restricted": False}
    assert look_up().login is not None
