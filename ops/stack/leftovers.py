"""Lists resources in the cloud that carry a stack's name. After `destroy` there must be none. Changes nothing.

Exit code 1 if there are any, with one line for each.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

import openstack
import typer
from keystoneauth1.exceptions import ClientException
from openstack.connection import Connection
from openstack.exceptions import SDKException

from ops.stack.outputs import prefix_of
from roles import ROLES

# What follows `congress-STACK-` in the names of hosts and roles.
NAMES = "|".join(f"{role.name}|{role.host_pattern}|{role.virtual_name}" for role in ROLES)


def leftovers(cloud: Connection, prefix: str) -> Iterator[tuple[str, str, str]]:
    """Kind, name and id of each resource of the project that is named `prefix` or like a part of that stack.

    Raises what openstacksdk raises.
    """
    project, part = cloud.current_project_id, re.compile(rf"{re.escape(prefix)}-({NAMES})")
    identity, network = cloud.identity, cloud.network
    parts = {
        "server": cloud.compute.servers(details=False),
        "server group": cloud.compute.server_groups(),
        "port": network.ports(project_id=project),
        "security group": network.security_groups(project_id=project),
    }
    wholes = {
        "network": network.networks(project_id=project),
        "subnet": network.subnets(project_id=project),
        "router": network.routers(project_id=project),
    }
    described = {
        "floating IP": network.ips(project_id=project),
        "application credential": identity.application_credentials(cloud.current_user_id),  # type: ignore[union-attr,arg-type]
    }
    for kind, things in parts.items():
        yield from ((kind, thing.name, thing.id) for thing in things if part.fullmatch(thing.name or ""))
    for kind, things in wholes.items():
        yield from ((kind, thing.name, thing.id) for thing in things if thing.name == prefix)
    for kind, things in described.items():
        yield from ((kind, thing.name, thing.id) for thing in things if part.search(thing.description or ""))


def main() -> None:
    """List resources in the cloud that are named like a part of stack $STACK (default: dev)."""
    prefix = prefix_of(os.environ.get("STACK", "dev"))
    try:
        remaining = list(leftovers(openstack.connect(api_timeout=30), prefix))
    except (SDKException, ClientException) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        way_out = "set OS_CLOUD to a cloud of your clouds.yaml, or the OS_* variables"
        typer.echo(
            f"leftovers: the cloud could not be asked what is named {prefix}: {reason}; {way_out}", err=True
        )
        raise typer.Exit(1) from None
    for kind, name, id_ in remaining:
        typer.echo(f"leftovers: {kind} {name} ({id_}) is in the cloud", err=True)
    if remaining:
        typer.echo("leftovers: find out who uses them; delete them with the openstack command", err=True)
        raise typer.Exit(1)
    typer.echo(f"leftovers: nothing in the cloud is named {prefix} or like a part of it", err=True)


if __name__ == "__main__":
    typer.run(main)
