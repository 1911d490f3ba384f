"""A cloud that answers the questions of components/preflight as openstacksdk does."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

import settings
from components.preflight import cloud
from components.preflight.error import CloudError
from components.preflight.scope import Scope
from components.preflight.state import PORT, SERVER, Pending, Resource, State
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
        images = [
            SimpleNamespace(name="debian-12", id=f"id-{i}", created_at=f"2026-0{i}", properties={})
            for i in (1, 3, 2)
        ]
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


def state_with(*names: str, retired: bool = False, pending: tuple[Pending, ...] = ()) -> State:
    """Servers, with their ports."""
    made = [
        Resource(f"urn::{name}", type_, f"{name}-{suffix}", {"name": name}, retired=retired)
        for name in names
        for type_, suffix in ((SERVER, "id"), (PORT, "port"))
    ]
    return State((), others=tuple(made), pending=pending) if retired else State(tuple(made), pending=pending)
