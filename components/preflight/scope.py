"""Which project and region of which cloud a stack is in, so that no other login is taken for its own.

With another login every server of the stack is "not found": whoever believes that forgets them, makes a second stack,
or takes a host that runs for one that is off. Without Pulumi: ops/ compare with it, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from keystoneauth1.access import AccessInfoV3
    from keystoneauth1.identity.base import BaseIdentityPlugin
    from openstack.connection import Connection

# Name of the stack's output that keeps it.
OUTPUT = "cloud"


@dataclass(frozen=True)
class Scope:
    """`project`: its id, which no two clouds share. `region`: None where neither login nor catalog names one."""

    project: str
    region: str | None

    def __str__(self) -> str:
        return f"project {self.project}" + (f" in region {self.region}" if self.region else "")

    def as_output(self) -> dict[str, str | None]:
        return {"project_id": self.project, "region": self.region}


def of(cloud: Connection) -> Scope:
    """A login's. Raises SDKException or ClientException when the cloud does not answer."""
    return Scope(
        cloud.current_project_id or "", cloud.config.get_region_name("compute") or _first_region(cloud)
    )


def _first_region(cloud: Connection) -> str | None:
    """What openstacksdk and OpenStack's provider take without one: that of the catalog's first endpoint."""
    auth = cast("BaseIdentityPlugin", cloud.session.auth)
    catalog = cast("AccessInfoV3", auth.get_access(cloud.session)).service_catalog
    for endpoints in catalog.get_endpoints_data(service_type="compute").values():
        for endpoint in endpoints:
            return endpoint.region_name
    return None


def recorded(outputs: Mapping[str, Any], resources: Iterable[Mapping[str, Any]] = ()) -> Scope | None:
    """A stack's, from its outputs, or else from what the cloud said of its resources when it made them."""
    if kept := outputs.get(OUTPUT):
        return Scope(kept["project_id"], kept.get("region"))  # Pulumi keeps no None
    for resource in resources:
        told = resource.get("outputs") or {}
        if resource["type"].startswith("openstack:") and isinstance(project := told.get("tenantId"), str):
            return Scope(project, told.get("region") or None)
    return None


def difference(stack: Scope | None, login: Scope) -> str | None:
    """Why a login is not the stack's, and the way out; None where it is, or where nothing is recorded."""
    if stack is None:
        return None
    same_region = None in (stack.region, login.region) or stack.region == login.region
    if stack.project == login.project and same_region:
        return None
    return (
        f"this login is for {login}, the stack is in {stack}: log in there (OS_CLOUD, or the OS_* variables); "
        "for a project that is no more: docs/recover.md, A cloud that is lost"
    )
