"""Whether the stack's other hosts accept connections of a host: by the security groups of its port."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import openstack
from keystoneauth1.exceptions import ClientException
from openstack.exceptions import SDKException

from components.preflight.state import PORT, Resource
from ops.cloud.servers import REQUEST, CloudError
from ops.stack.outputs import StackError
from ops.stack.pulumi import read_state


def refuse(host: str) -> None:
    """From now on nobody accepts a new one. Raises CloudError, and StackError without a port of that host."""
    _set(_port(host), [])


def admit(host: str) -> None:
    """As the stack has it. Raises CloudError, and StackError without a port of that host."""
    port = _port(host)
    _set(port, port.inputs["securityGroupIds"])


def refused(host: str) -> bool:
    """Whether it is shut out. Raises CloudError, and StackError without a port of that host."""
    port = _port(host)
    with _network(f"the security groups of {port.name} could not be read") as network:
        return not network.get_port(port.id).security_group_ids


def _port(host: str) -> Resource:
    for port in read_state().of(PORT).values():
        if port.name == f"{host}-port":
            return port
    raise StackError(f"the stack's state has no port of {host}: make up")


def _set(port: Resource, groups: Sequence[str]) -> None:
    with _network(f"the security groups of {port.name} could not be set") as network:
        network.update_port(port.id, security_groups=list(groups))


@contextmanager
def _network(failed: str) -> Iterator[Any]:
    try:
        with openstack.connect(api_timeout=REQUEST) as cloud:
            yield cloud.network
    except (SDKException, ClientException) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise CloudError(f"{failed}: {reason}") from None
