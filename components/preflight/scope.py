"""The project and region of a stack, which a login must match.

With a login for another project, every server of the stack is "not found". A program that believed this would drop the
servers from the state, create a second stack, or consider a running host as stopped. This module does not use Pulumi,
because the operator's commands in ops/ use it, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from keystoneauth1.access import AccessInfoV3
    from keystoneauth1.identity.base import BaseIdentityPlugin
    from openstack.connection import Connection

# Name of the stack's output with the scope.
OUTPUT = "cloud"


@dataclass(frozen=True)
class Scope:
    """`project`: its id, which is unique over all clouds. `region`: None if neither login nor catalog names one."""

    project: str
    region: str | None

    def __str__(self) -> str:
        return f"project {self.project}" + (f" in region {self.region}" if self.region else "")

    def as_output(self) -> dict[str, str | None]:
        return {"project_id": self.project, "region": self.region}


def of(cloud: Connection) -> Scope:
    """The scope of a connection. Raises SDKException or ClientException if the cloud does not answer."""
    return Scope(
        cloud.current_project_id or "", cloud.config.get_region_name("compute") or _first_region(cloud)
    )


def _first_region(cloud: Connection) -> str | None:
    """The region of the catalog's first endpoint, which openstacksdk and the OpenStack provider use by default."""
    auth = cast("BaseIdentityPlugin", cloud.session.auth)
    catalog = cast("AccessInfoV3", auth.get_access(cloud.session)).service_catalog
    for endpoints in catalog.get_endpoints_data(service_type="compute").values():
        for endpoint in endpoints:
            return endpoint.region_name
    return None


def recorded(outputs: Mapping[str, Any], resources: Iterable[Mapping[str, Any]] = ()) -> Scope | None:
    """The scope of a stack: from the stack's outputs, or else from the outputs of its OpenStack resources."""
    if output := outputs.get(OUTPUT):
        return Scope(output["project_id"], output.get("region"))  # Pulumi omits None
    for resource in resources:
        values = resource.get("outputs") or {}
        if resource["type"].startswith("openstack:") and isinstance(project := values.get("tenantId"), str):
            return Scope(project, values.get("region") or None)
    return None


def difference(stack: Scope | None, login: Scope) -> str | None:
    """Why a login does not match the stack, with the way out. None if it matches, or if the stack has no scope yet."""
    if stack is None:
        return None
    same_region = None in (stack.region, login.region) or stack.region == login.region
    if stack.project == login.project and same_region:
        return None
    return (
        f"this login is for {login}, the stack is in {stack}: log in there (OS_CLOUD, or the OS_* variables); "
        "for a project that is no more: docs/recover.md, A cloud that is lost"
    )
