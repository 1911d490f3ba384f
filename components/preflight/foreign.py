"""Servers that have this stack's names but are not in its state: they belong to a deployment with another state.

If a checkout or backend does not know an existing deployment, it would make a second one with the same name. The cloud
would not prevent this, because names are not unique there. This module does not use Pulumi, because ops/ uses it, too.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from components.preflight.state import SERVER, Pending

if TYPE_CHECKING:
    from openstack.connection import Connection

SHOWN = 2


def unknown(
    servers: Iterable[Any], names: Collection[str], recorded: Collection[str], pending: Iterable[Pending]
) -> list[Any]:
    """The project's servers that have one of the stack's `names`, but whose id is not `recorded` in its state.

    The server of an interrupted creation is not among them: ops/stack/recovery.py handles it.
    """
    begun = {one.inputs.get("name") for one in pending if one.creates and one.type == SERVER}
    return [one for one in servers if one.name in names and one.name not in begun and one.id not in recorded]


def refusal(
    cloud: Connection, servers: Sequence[Any], recorded: Collection[str], names: Collection[str]
) -> str:
    """Why nothing may be created beside these unknown servers, and the way out.

    `recorded`: every id in the state. `names`: of the servers in it. One of these names that has another id now was
    replaced by somebody with a newer copy of the state, and may hold data. It is on the same port.
    """
    for server in servers:
        if server.name not in names and any(
            port.id in recorded for port in cloud.network.ports(device_id=server.id)
        ):
            return (
                f"server {server.name} ({server.id}) is on a port of this stack, but not in its state: the answer to "
                f"its creation was lost; delete it (openstack server delete {server.id}) and run this again"
            )
    shown = " and ".join(sorted(server.name for server in servers)[:SHOWN])
    count = f" ({len(servers)} in all)" if len(servers) > SHOWN else ""
    return (
        f"the project has servers of this name that this stack's state does not know: {shown}{count}; another checkout "
        "or backend has their state, or a newer copy of it: work there, or give this stack another name (STACK=name); "
        "if nobody has it any more: docs/recover.md, Servers that no state knows"
    )
