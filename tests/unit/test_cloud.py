"""Objects of the cloud that the settings name are looked up first; all missing ones are reported at once."""

from __future__ import annotations

from typing import Any

import openstack
import pytest
from openstack.exceptions import HttpException

from components.preflight import cloud
from components.preflight.error import CloudError
from image import recipe
from tests.unit.support.fake_cloud import SERVERS, FakeCloud, look_up, problems, state_with, things


@pytest.mark.usefixtures("fake")
def test_ids_of_existing_resources_and_of_the_newest_image() -> None:
    result = look_up()
    assert result.image_id == "id-3"
    assert result.flavor_ids == {"small": "small-id"}
    assert result.external_network_id == "public-id"
    assert result.existing_network is None


def test_it_says_which_image_it_is(fake: FakeCloud) -> None:
    assert look_up().image_description.startswith("image debian-12: a plain image")
    properties = {"congress_ha_recipe": recipe.digest(), "congress_ha_built": "2026-11-29"}
    fake.image.images = lambda **_: things("debian-12", created_at="2026-05", properties=properties)
    assert look_up().image_description == "image debian-12: prebuilt 2026-11-29, recipe matches"


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
