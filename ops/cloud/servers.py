"""Reads a stack's servers from the cloud, and deletes one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from components.preflight.scope import Scope, difference
from components.preflight.scope import of as scope_of
from ops.common.limits import Limits

# Time limit of one request that changes something or precedes a change, in seconds.
REQUEST_TIMEOUT = 20.0


@dataclass(frozen=True)
class Server:
    """`status`, `fault`, `task`: nova's, "" if there is none. `isolated`: none of its ports has a security group.

    `place`: the same text for servers on the same compute host, whose name a member of the project does not see.
    """

    status: str
    fault: str
    task: str = ""
    isolated: bool = False
    place: str = ""


@dataclass(frozen=True)
class View:
    """What a login sees. `scope`: its project and region. `servers`: by name."""

    scope: Scope
    servers: Mapping[str, Server]

    def of(self, stack: Scope | None) -> Mapping[str, Server] | str:
        """The servers, or one sentence if the login is for another project or region than the stack."""
        return difference(stack, self.scope) or self.servers


def view(prefix: str, limits: Limits) -> View | str:
    """The login's scope, and servers whose names start with `prefix`; one sentence if the cloud does not answer."""
    # The import takes half a second. Here it runs in parallel with reading the stack's outputs.
    import openstack  # noqa: PLC0415
    from keystoneauth1.exceptions import ClientException  # noqa: PLC0415
    from openstack.exceptions import SDKException  # noqa: PLC0415

    try:
        cloud = openstack.connect(api_timeout=limits.cloud)
        servers = {
            server.name: Server(
                server.status,
                (server.fault or {}).get("message", ""),
                server.task_state or "",
                not server.security_groups,
                server.host_id or "",
            )
            for server in cloud.compute.servers()
            if server.name.startswith(prefix)
        }
        return View(scope_of(cloud), servers)
    except (SDKException, ClientException) as error:
        return str(error).splitlines()[0].rstrip(".")


class CloudError(Exception):
    """The cloud refused or failed. The text is one line."""


def require_same_scope(stack: Scope | None) -> None:
    """Raises CloudError if the login is for another project or region, where every server would be "not found"."""
    import openstack  # noqa: PLC0415
    from keystoneauth1.exceptions import ClientException  # noqa: PLC0415
    from openstack.exceptions import SDKException  # noqa: PLC0415

    try:
        mismatch = difference(stack, scope_of(openstack.connect(api_timeout=REQUEST_TIMEOUT)))
    except (SDKException, ClientException) as error:
        raise CloudError(f"the cloud could not be asked: {str(error).splitlines()[0]}") from None
    if mismatch:
        raise CloudError(mismatch)


def delete(server: str, seconds: float = 300) -> None:
    """Delete a server by its id and wait until it is gone. A missing server is not an error. Raises CloudError."""
    import openstack  # noqa: PLC0415
    from keystoneauth1.exceptions import ClientException  # noqa: PLC0415
    from openstack.exceptions import SDKException  # noqa: PLC0415

    try:
        compute = openstack.connect(api_timeout=REQUEST_TIMEOUT).compute
        if (existing := compute.find_server(server, ignore_missing=True)) is not None:
            compute.delete_server(existing)
            compute.wait_for_delete(existing, interval=1, wait=seconds)
    except (SDKException, ClientException) as error:
        raise CloudError(f"server {server} could not be deleted: {str(error).splitlines()[0]}") from None
