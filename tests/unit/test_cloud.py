"""Objects of the cloud that the settings name are looked up first; all missing ones are reported at once."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import openstack
import pytest
from openstack.exceptions import HttpException

import settings
from components.preflight import cloud
from components.preflight.error import CloudError
from components.preflight.scope import Scope
from components.preflight.state import PORT, SERVER, Pending, Resource, State
from tests.support.deployer import LOGIN
from tests.unit.support.recording import settings_with

LIMITS = {"instances": 10, "instances_used": 4, "total_cores": 20, "total_cores_used": 4}
SERVERS = {f"congress-test-{index}": "small" for index in range(6)}


def things(*names: str, **more: Any) -> list[SimpleNamespace]:
    return [SimpleNamespace(name=name, id=f"{name}-id", **more) for name in names]


class Access:
    """keystone's description of a login; `credential`: the application credential that it used, if any."""

    def __init__(self) -> None:
        self.role_names = ["reader", "member"]
        self.user_id = "me"
        self.credential: dict[str, Any] | None = None

    @property
    def application_credential(self) -> dict[str, Any]:
        if self.credential is None:
            raise KeyError("application_credential")
        return self.credential


class FakeCloud(SimpleNamespace):
    """Answers as openstacksdk does; a test replaces what it needs."""

    def __init__(self) -> None:
        limits = SimpleNamespace(**LIMITS, total_ram=-1, total_ram_used=0)
        images = [SimpleNamespace(name="debian-12", id=f"id-{i}", created_at=f"2026-0{i}") for i in (1, 3, 2)]
        self.access = Access()
        auth = SimpleNamespace(auth_url="https://cloud/v3", get_access=lambda _: self.access)
        super().__init__(
            authorize=lambda: "token",
            current_project_id="project-id",
            session=SimpleNamespace(auth=auth),
            config=SimpleNamespace(get_interface=lambda _: "internal", get_region_name=lambda _: "RegionTwo"),
            identity=SimpleNamespace(get=lambda _: SimpleNamespace(status_code=200)),
            image=SimpleNamespace(images=lambda **_: [*images, *things("ubuntu", created_at="2026-04")]),
            compute=SimpleNamespace(
                flavors=lambda: things("small", "large", vcpus=1, ram=1024),
                get_limits=lambda: SimpleNamespace(absolute=limits),
                servers=lambda **_: things("another"),
                get_endpoint=lambda: "https://cloud/compute/v2.1/",
            ),
            network=SimpleNamespace(
                networks=lambda **_: things("public"),
                ports=lambda **_: [],
                find_network=lambda name: SimpleNamespace(id=f"{name}-id") if name == "there" else None,
                subnets=lambda **_: [
                    *things("v4", cidr="10.9.0.0/24", ip_version=4),
                    *things("v6", cidr="2001:db8::/64", ip_version=6),
                ],
            ),
        )


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeCloud:
    fake_cloud = FakeCloud()
    monkeypatch.setattr(openstack, "connect", lambda **_: fake_cloud)
    return fake_cloud


def look_up(
    servers: dict[str, str] | None = None,
    recorded: Scope | None = None,
    state: State | None = None,
    **changes: Any,
) -> cloud.Cloud:
    values = settings_with(**changes)
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in values.items()}
    servers = SERVERS if servers is None else servers
    state = state or State((), recorded)
    return cloud.look_up(settings.parse(texts), "congress-test", servers, state)


def problems(**changes: Any) -> tuple[str, ...]:
    with pytest.raises(CloudError) as caught:
        look_up(**changes)
    return caught.value.problems


@pytest.mark.usefixtures("fake")
def test_ids_of_existing_resources_and_of_the_newest_image() -> None:
    result = look_up()
    assert result.image_id == "id-3"
    assert result.flavor_ids == {"small": "small-id"}
    assert result.external_network_id == "public-id"
    assert result.existing_network is None


@pytest.mark.usefixtures("fake")
def test_each_missing_resource_is_named_with_its_setting_and_the_existing_ones() -> None:
    messages = problems(image="fedora", flavors={"default": "huge"}, network={"externalNetwork": "outside"})
    assert sorted(messages) == [
        "congress-ha:flavors: the cloud has no flavor named huge; there are: large, small",
        "congress-ha:image: the cloud has no image named fedora; there are: debian-12, ubuntu",
        "congress-ha:network.externalNetwork: the cloud has no external network named outside; there are: public",
    ]


@pytest.mark.usefixtures("fake")
@pytest.mark.parametrize(
    ("existing", "message"),
    [
        (
            {"network": "gone", "subnet": "v4"},
            "network.existing.network: the cloud has no network named gone",
        ),
        (
            {"network": "there", "subnet": "v5"},
            "network.existing.subnet: the cloud has no subnet in there named v5; there are: v4, v6",
        ),
        (
            {"network": "there", "subnet": "v6"},
            "v6 is of IPv6 (2001:db8::/64), and the stack's hosts use IPv4; name a subnet of IPv4",
        ),
    ],
)
def test_an_existing_network_has_to_exist(existing: dict[str, str], message: str) -> None:
    (problem,) = problems(network={"externalNetwork": "public", "existing": existing})
    assert message in problem


@pytest.mark.usefixtures("fake")
def test_an_existing_network_is_found_with_its_range() -> None:
    existing = {"network": "there", "subnet": "v4"}
    result = look_up(network={"externalNetwork": "public", "existing": existing})
    assert result.existing_network == cloud.ExistingNetwork("there-id", "v4-id", "10.9.0.0/24")


@pytest.mark.usefixtures("fake")
def test_an_insufficient_quota_is_reported_before_anything_is_created() -> None:
    with pytest.raises(CloudError, match=r"allows 6 more servers \(of 10\), the stack needs 7"):
        look_up(servers={f"congress-test-{index}": "small" for index in range(7)})


def test_existing_servers_need_no_more_quota(fake: FakeCloud) -> None:
    fake.compute.servers = lambda **_: things(*SERVERS)
    fake.compute.get_limits().absolute.instances_used = 10
    look_up(state=state_with(*SERVERS))


def state_with(*names: str, retired: bool = False, pending: tuple[Pending, ...] = ()) -> State:
    """Servers, with their ports."""
    made = [
        Resource(f"urn::{name}", type_, f"{name}-{suffix}", {"name": name}, retired=retired)
        for name in names
        for type_, suffix in ((SERVER, "id"), (PORT, "port"))
    ]
    return State((), others=tuple(made), pending=pending) if retired else State(tuple(made), pending=pending)


def begun(name: str, type_: str = SERVER) -> Pending:
    return Pending("creating", f"urn::{name}", type_, {"name": name})


@pytest.mark.parametrize(
    "state",
    [
        state_with(),
        # A port alone, or an operation on what is there, makes no server.
        state_with(
            pending=(begun("congress-test-0", PORT), replace(begun("congress-test-0"), operation="updating"))
        ),
        replace(
            state_with(), resources=(Resource("urn::a", SERVER, "another-id", {"name": "congress-test-0"}),)
        ),
    ],
    ids=["new", "another operation", "old"],
)
def test_servers_of_this_name_from_another_checkout_end_the_run(fake: FakeCloud, state: State) -> None:
    fake.compute.servers = lambda **_: things(*SERVERS, "congress-test-0-more", "another")
    with pytest.raises(CloudError) as refused:
        look_up(state=state)
    (problem,) = refused.value.problems
    assert problem.startswith(
        "the project has servers of this name that this stack's state does not know: congress-test-0 and "
        "congress-test-1 (6 in all); another checkout or backend has their state: work there, or give this stack "
        "another name (STACK=name)"
    )


def test_one_server_of_another_state_is_enough(fake: FakeCloud) -> None:
    first, *others = SERVERS
    fake.compute.servers = lambda **_: things(*SERVERS)
    with pytest.raises(CloudError, match=f"does not know: {first}; another checkout"):
        look_up(state=state_with(*others))


@pytest.mark.parametrize(
    "state",
    [
        state_with(*SERVERS),
        state_with(*SERVERS, retired=True),
        state_with(*list(SERVERS)[1:], pending=(begun("congress-test-0"),)),
        state_with(pending=tuple(map(begun, SERVERS))),
    ],
    ids=["deployed", "being replaced", "cut off", "cut off at once"],
)
def test_servers_in_the_state_belong_to_this_stack(fake: FakeCloud, state: State) -> None:
    fake.compute.servers = lambda **_: things(*SERVERS)
    look_up(state=state)


def test_another_stack_s_names_only_begin_like_this_one_s(fake: FakeCloud) -> None:
    fake.compute.servers = lambda **_: things("congress-test-2-0", "congress-test", "0")
    look_up()


def test_an_own_server_whose_creation_was_never_answered_is_named(fake: FakeCloud) -> None:
    first, *others = SERVERS
    state = state_with(*others)
    port = Resource("urn::port", PORT, f"{first}-port", {"name": first})
    fake.compute.servers = lambda **_: things(*SERVERS)
    fake.network.ports = lambda device_id: [SimpleNamespace(id=f"{device_id.removesuffix('-id')}-port")]
    with pytest.raises(CloudError) as refused:
        look_up(state=replace(state, resources=(*state.resources, port)))
    (problem,) = refused.value.problems
    assert problem.startswith(f"server {first} ({first}-id) is on a port of this stack, but not in its state")
    assert f"openstack server delete {first}-id" in problem


def test_a_refused_request_is_one_problem(fake: FakeCloud) -> None:
    def refuse() -> None:
        raise HttpException("not for you")

    fake.compute.flavors = refuse
    (problem,) = problems()
    assert problem == "the cloud refused a question (flavors): not for you"


def test_without_a_login_the_way_out_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: Any) -> None:
        raise openstack.exceptions.ConfigException("Cloud mycloud was not found.")

    monkeypatch.setattr(openstack, "connect", fail)
    (problem,) = problems()
    assert problem.startswith("no login to the cloud: Cloud mycloud was not found; set OS_CLOUD")


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
