"""The deployer's login to the cloud: the part from which the credential for fencing is created."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast
from urllib.parse import urlsplit

from keystoneauth1.access import AccessInfoV3
from keystoneauth1.identity.base import BaseIdentityPlugin
from openstack.connection import Connection

# The role that nova requires to pause and reboot servers of the project (policy project_member_api).
LEAST_ROLE = "member"
OK = 200


@dataclass(frozen=True)
class Login:
    """Where keystone and nova are, and which application credential this login may create.

    `compute_path`: path of nova's endpoint, such as /v2.1. `roles`: the minimum roles. `access_rules`: HTTP status of
    keystone's answer to a request for the access rules. `restricted`: this login may not create application
    credentials.
    """

    auth_url: str
    region: str | None
    interface: str
    compute_path: str
    roles: tuple[str, ...]
    access_rules: int
    restricted: bool


def of(cloud: Connection) -> Login:
    """The login of a connection. Raises SDKException or ClientException if the cloud does not answer."""
    auth = cast("BaseIdentityPlugin", cloud.session.auth)
    access = cast("AccessInfoV3", auth.get_access(cloud.session))
    names = access.role_names or []
    try:
        restricted = bool(access.application_credential.get("restricted", True))
    except KeyError:  # the login is not an application credential
        restricted = False
    rules = cloud.identity.get(f"/users/{access.user_id}/access_rules")
    interface = cloud.config.get_interface("compute")
    return Login(
        auth_url=str(auth.auth_url),
        region=cloud.config.get_region_name("compute"),
        interface=interface if isinstance(interface, str) else "public",
        compute_path=urlsplit(str(cloud.compute.get_endpoint())).path.rstrip("/"),
        roles=(LEAST_ROLE,) if LEAST_ROLE in names else tuple(names),
        access_rules=rules.status_code,
        restricted=restricted,
    )
