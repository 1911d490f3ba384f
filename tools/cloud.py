"""What the cloud says about a stack's servers, and the end of one of them."""

from __future__ import annotations

from dataclasses import dataclass

from tools.limits import Limits

# Seconds that a request may take which is no mere look.
REQUEST = 20.0


@dataclass(frozen=True)
class Server:
    status: str
    fault: str


def servers(prefix: str, limits: Limits) -> dict[str, Server] | str:
    """Name -> server, of names that start with `prefix`; a sentence when the cloud could not be asked."""
    # Half a second, in which the stack's outputs are read.
    import openstack  # noqa: PLC0415
    from keystoneauth1.exceptions import ClientException  # noqa: PLC0415
    from openstack.exceptions import SDKException  # noqa: PLC0415

    try:
        cloud = openstack.connect(api_timeout=limits.cloud)
        return {
            server.name: Server(server.status, (server.fault or {}).get("message", ""))
            for server in cloud.compute.servers()
            if server.name.startswith(prefix)
        }
    except (SDKException, ClientException) as error:
        return str(error).splitlines()[0].rstrip(".")


class CloudError(Exception):
    """Why the cloud did not do it, in one line."""


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
