"""What the cloud says about a stack's servers, and the end of one of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from components.preflight.scope import Scope, difference
from components.preflight.scope import of as scope_of
from ops.common.limits import Limits

# Seconds that a request may take which is no mere look.
REQUEST = 20.0


@dataclass(frozen=True)
class Server:
    """`task`: what nova is about to do with it, "" without. `shut_out`: none of its ports has a security group."""

    status: str
    fault: str
    task: str = ""
    shut_out: bool = False


@dataclass(frozen=True)
class View:
    """What a login sees; `servers` by name."""

    scope: Scope
    servers: Mapping[str, Server]

    def of(self, stack: Scope | None) -> Mapping[str, Server] | str:
        """The servers, or why this login does not see the stack's."""
        return difference(stack, self.scope) or self.servers


def view(prefix: str, limits: Limits) -> View | str:
    """With servers whose names start with `prefix`; a sentence when the cloud could not be asked."""
    # Half a second, in which the stack's outputs are read.
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
            )
            for server in cloud.compute.servers()
            if server.name.startswith(prefix)
        }
        return View(scope_of(cloud), servers)
    except (SDKException, ClientException) as error:
        return str(error).splitlines()[0].rstrip(".")


class CloudError(Exception):
    """Why the cloud did not do it, in one line."""


def refuse_another(stack: Scope | None) -> None:
    """In another project or region each server is "not found". Raises CloudError."""
    import openstack  # noqa: PLC0415
    from keystoneauth1.exceptions import ClientException  # noqa: PLC0415
    from openstack.exceptions import SDKException  # noqa: PLC0415

    try:
        elsewhere = difference(stack, scope_of(openstack.connect(api_timeout=REQUEST)))
    except (SDKException, ClientException) as error:
        raise CloudError(f"the cloud could not be asked: {str(error).splitlines()[0]}") from None
    if elsewhere:
        raise CloudError(elsewhere)


def delete(server: str, seconds: float = 300) -> None:
    """Delete the server of that id, and wait until it is gone; one that is gone is well. Raises CloudError."""
    import openstack  # noqa: PLC0415
    from keystoneauth1.exceptions import ClientException  # noqa: PLC0415
    from openstack.exceptions import SDKException  # noqa: PLC0415

    try:
        compute = openstack.connect(api_timeout=REQUEST).compute
        if (found := compute.find_server(server, ignore_missing=True)) is not None:
            compute.delete_server(found)
            compute.wait_for_delete(found, interval=1, wait=seconds)
    except (SDKException, ClientException) as error:
        raise CloudError(f"server {server} could not be deleted: {str(error).splitlines()[0]}") from None
