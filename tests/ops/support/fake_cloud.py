"""A cloud in memory with the methods of openstacksdk, and no others."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from openstack.compute.v2._proxy import Proxy as Compute
from openstack.identity.v3._proxy import Proxy as Identity
from openstack.network.v2._proxy import Proxy as Network


class Service:
    """`things`: by openstacksdk's plural. `deleted`: (kind, id), in order."""

    def __init__(self, proxy: type, things: dict[str, list[Any]], deleted: list[tuple[str, str]]) -> None:
        self.proxy, self.things, self.deleted = proxy, things, deleted

    def __getattr__(self, name: str) -> Callable[..., Any]:
        assert hasattr(self.proxy, name), f"openstacksdk has no {name}"
        if name.startswith("delete_"):
            return lambda *which, **_: self._delete(f"{name.removeprefix('delete_')}s", which[-1])
        return lambda *_, **query: [
            thing
            for thing in self.things.get(name, [])
            if all(getattr(thing, key) == value for key, value in query.items() if key != "details")
        ]

    def _delete(self, kind: str, id_: str) -> None:
        assert id_ in [thing.id for thing in self.things[kind]], f"{kind} has no {id_}"
        self.things[kind] = [thing for thing in self.things[kind] if thing.id != id_]
        self.deleted.append((kind, id_))

    def wait_for_delete(self, thing: Any, wait: float) -> None:
        assert wait > 0
        self.things["servers"] = [server for server in self.things["servers"] if server.id != thing.id]
        self.deleted.append(("gone", thing.id))

    def remove_interface_from_router(self, router: str, subnet: str) -> None:
        (port,) = [port for port in self.things["ports"] if port.device_id == router]
        assert port.fixed_ips == [{"subnet_id": subnet}]
        self._delete("ports", port.id)


class FakeCloud(SimpleNamespace):
    current_project_id, current_user_id = "project", "me"

    def __init__(self, **things: list[Any]) -> None:
        self.things, self.deleted = things, list[tuple[str, str]]()
        super().__init__(
            config=SimpleNamespace(get_region_name=lambda _: "RegionOne"),
            compute=Service(Compute, things, self.deleted),
            network=Service(Network, things, self.deleted),
            identity=Service(Identity, things, self.deleted),
        )


def thing(id: str, **attributes: Any) -> SimpleNamespace:  # noqa: A002
    return SimpleNamespace(id=id, project_id="project", **attributes)


def server(id: str, **attributes: Any) -> SimpleNamespace:  # noqa: A002
    usual: dict[str, Any] = {
        "name": f"congress-dev-{id}",
        "status": "ACTIVE",
        "task_state": None,
        "launched_at": "2026",
        "metadata": {},
    }
    return thing(id, **(usual | attributes))
