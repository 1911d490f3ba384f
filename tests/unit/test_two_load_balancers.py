"""The cloud is asked beforehand for what two load balancers need: address pairs, and room for ports."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from openstack.exceptions import ForbiddenException

from tests.unit.support.fake_cloud import FakeCloud, look_up, problems, things


def ports_of(fake: FakeCloud, monkeypatch: pytest.MonkeyPatch, *, pairs: bool = True, **quota: int) -> None:
    """A cloud whose neutron tells of its extension for address pairs, and of the quota of ports."""
    told = SimpleNamespace(ports={"limit": 20, "used": 0, "reserved": 0, **quota})
    there = [*things("congress-test-0", "congress-test-load-balancer-virtual-address", "another")]
    for name, answer in {
        "find_extension": lambda alias, **_: SimpleNamespace(alias=alias) if pairs else None,
        "get_quota": lambda project, details: told if (project, details) == ("project-id", True) else None,
        "ports": lambda **_: there,
    }.items():
        monkeypatch.setattr(fake.network, name, answer, raising=False)


TWO: dict[str, Any] = {"loadBalancer": {"hosts": 2}}


def test_a_cloud_without_address_pairs_is_named_before_anything_is_made(
    fake: FakeCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    ports_of(fake, monkeypatch, pairs=False)
    (problem,) = problems(**TWO)
    assert problem.startswith("congress-ha:loadBalancer.hosts: this cloud's neutron has no extension")
    assert "allowed-address-pairs" in problem
    assert look_up().image_id == "id-3"


@pytest.mark.parametrize(("used", "room"), [(15, 5), (16, 4), (20, 0)])
def test_ports_that_are_there_need_no_room(
    fake: FakeCloud, monkeypatch: pytest.MonkeyPatch, used: int, room: int
) -> None:
    """Of seven, one server's and the virtual address's are there."""
    ports_of(fake, monkeypatch, used=used)
    if room >= 5:
        assert look_up(**TWO).image_id == "id-3"
    else:
        (problem,) = problems(**TWO)
        assert f"allows {room} more ports (of 20), the stack needs 5" in problem


def test_a_cloud_without_a_limit_or_that_does_not_tell_it_is_taken(
    fake: FakeCloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    ports_of(fake, monkeypatch, limit=-1, used=100)
    assert look_up(**TWO).image_id == "id-3"

    def refused(*_: object, **__: object) -> None:
        raise ForbiddenException("not for you")

    monkeypatch.setattr(fake.network, "get_quota", refused)
    assert look_up(**TWO).image_id == "id-3"
