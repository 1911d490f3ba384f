"""Lookups in keystone before anything is created: who may register Congress, or a user for it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import openstack
import pytest
from openstack.exceptions import ConfigException, ForbiddenException

from components.preflight.identity import Identity, Registration, mark
from tests.congress_runtime.support.fake_keystone import keystone
from tests.unit.support.fake_cloud import FakeCloud, look_up, problems

PASSWORD = "CANARY-of-the-user"
LOGIN = {"username": "congress", "password": PASSWORD}


class FakeIdentity:
    """Lists as openstacksdk returns them; `refused`: those that the login may not read."""

    def __init__(self) -> None:
        self.refused = False
        self.records: dict[str, list[SimpleNamespace]] = {
            "domains": [thing("Default")],
            "projects": [thing("service", domain_id="Default-id")],
            "roles": [thing("service")],
            "users": [thing("congress", domain_id="another-id", description="")],
            "services": [thing("nova", type="compute", description="")],
        }

    def get(self, _: str) -> SimpleNamespace:
        return SimpleNamespace(status_code=200)

    def __getattr__(self, kind: str) -> Any:
        def listed(**query: str) -> list[SimpleNamespace]:
            if self.refused:
                raise ForbiddenException("You are not authorized")
            records = self.records[kind]
            return [one for one in records if all(getattr(one, key) == value for key, value in query.items())]

        return listed


def thing(name: str, **more: Any) -> SimpleNamespace:
    return SimpleNamespace(name=name, id=f"{name}-id", **more)


class Keystoned(FakeCloud):
    """A cloud whose keystone is queried by the deployer or by an administrator."""

    def __init__(self) -> None:
        super().__init__()
        self.identity: FakeIdentity = FakeIdentity()
        self.session.verify, self.session.cert = True, None
        self.session.get_token = lambda: "of-the-deployer"


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Keystoned:
    keystoned = Keystoned()
    monkeypatch.setattr(openstack, "connect", lambda **_: keystoned)
    return keystoned


def identity_for(**settings: Any) -> Identity:
    identity = look_up(auth="keystone", keystone=settings).identity
    assert identity is not None
    return identity


def lacks(**settings: Any) -> tuple[str, ...]:
    return problems(auth="keystone", keystone=settings)


@pytest.mark.usefixtures("fake")
def test_ids_for_the_user_are_found() -> None:
    assert identity_for() == Identity(
        "https://cloud/v3",
        "RegionTwo",
        "internal",
        Registration("congress", "Default-id", "service-id", "service-id"),
    )
    assert identity_for(region="RegionThree").region == "RegionThree"


def test_with_noauth_keystone_is_not_asked(fake: Keystoned) -> None:
    fake.identity.refused = True
    assert look_up().identity is None


def test_a_login_that_may_not_register_is_told_the_two_ways_out(fake: Keystoned) -> None:
    fake.identity.refused = True
    (problem,) = lacks()
    assert problem.startswith("congress-ha:keystone: your login may not register Congress in keystone (403)")
    assert "keystone.administrator" in problem
    assert "keystone.login" in problem


def test_an_administrator_is_queried_instead_of_the_deployer(
    fake: Keystoned, monkeypatch: pytest.MonkeyPatch
) -> None:
    administrator = Keystoned()
    fake.identity.refused = True
    clouds: dict[str | None, Keystoned] = {None: fake, "mycloud-admin": administrator}
    monkeypatch.setattr(openstack, "connect", lambda cloud=None, **_: clouds[cloud])
    assert identity_for(administrator="mycloud-admin").registration is not None
    administrator.identity.refused = True
    assert "the login of mycloud-admin may not register" in lacks(administrator="mycloud-admin")[0]


def test_an_administrator_that_clouds_yaml_does_not_have_is_one_problem(
    fake: Keystoned, monkeypatch: pytest.MonkeyPatch
) -> None:
    def connect(cloud: str | None = None, **_: Any) -> Keystoned:
        if cloud:
            raise ConfigException(f"Cloud {cloud} was not found.")
        return fake

    monkeypatch.setattr(openstack, "connect", connect)
    (problem,) = lacks(administrator="nobody")
    assert problem == (
        "congress-ha:keystone.administrator: no login as nobody: Cloud nobody was not found; "
        "name a cloud of your clouds.yaml"
    )


def test_everything_missing_in_keystone_is_named(fake: Keystoned) -> None:
    fake.identity.records["roles"] = []
    assert lacks(project="services") == (
        "congress-ha:keystone.project: there is no project named services",
        "congress-ha:keystone.role: there is no role named service",
    )
    assert lacks(domain="Else") == ("congress-ha:keystone.domain: there is no domain named Else",)


@pytest.mark.parametrize(
    ("kind", "made"),
    [
        ("users", thing("congress", domain_id="Default-id", description="")),
        ("services", thing("congress", type="policy", description=mark("congress-other"))),
    ],
)
def test_resources_of_others_are_refused_and_those_of_this_stack_are_not(
    fake: Keystoned, kind: str, made: SimpleNamespace
) -> None:
    fake.identity.records[kind].append(made)
    (problem,) = lacks()
    assert "that this stack did not make (congress-id)" in problem
    made.description = mark("congress-test")
    identity_for()


def test_a_user_of_another_generation_is_looked_for_by_its_own_name(fake: Keystoned) -> None:
    fake.identity.records["users"] += [
        thing("congress", domain_id="Default-id", description=mark("congress-test")),
        thing("congress-2", domain_id="Default-id", description=""),
    ]
    (problem,) = problems(auth="keystone", rotation={"keystone": 2})
    assert "there is a user congress-2 in domain Default that this stack did not make" in problem
    third = look_up(auth="keystone", rotation={"keystone": 3}).identity
    assert third is not None
    assert third.registration is not None
    assert third.registration.user == "congress-3"


def test_an_existing_user_is_tested_as_engines_will_use_it(fake: Keystoned) -> None:
    """The deployer then needs no right in keystone."""
    fake.identity.refused = True
    with keystone(PASSWORD, {"of-the-deployer": ["member"]}) as server:
        fake.session.auth.auth_url = server.url
        assert identity_for(login=LOGIN, region="RegionOne") == Identity(server.url, "RegionOne", "internal")


@pytest.mark.parametrize(
    ("password", "role", "reason"),
    [
        ("another", "service", "keystone refuses congress in project service"),
        (PASSWORD, "member", "may not check tokens (403): it needs role service"),
    ],
)
def test_an_unsuitable_user_is_refused_with_the_reason(
    fake: Keystoned, password: str, role: str, reason: str
) -> None:
    with keystone(password, {"of-the-deployer": ["member"]}, role) as server:
        fake.session.auth.auth_url = server.url
        (problem,) = lacks(login=LOGIN, region="RegionOne")
    assert reason in problem
    assert PASSWORD not in problem
