"""What the cloud says about a stack's servers."""

from __future__ import annotations

from dataclasses import dataclass

from tools.limits import Limits


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
