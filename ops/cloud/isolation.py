"""Isolates a host from the stack's other hosts. Without security groups on its port, they accept nothing from it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import openstack
from keystoneauth1.exceptions import ClientException
from openstack.exceptions import SDKException

from components.preflight.state import PORT, Resource
from ops.cloud.servers import REQUEST_TIMEOUT, CloudError
from ops.stack.outputs import StackError
from ops.stack.pulumi import read_state


def isolate(host: str) -> None:
    """Remove all security groups, so that new connections are refused. Raises CloudError, StackError (no such port)."""
    _set(_port(host), [])


def readmit(host: str) -> None:
    """Restore the security groups of the state. Raises CloudError, StackError (no such port)."""
    port = _port(host)
    _set(port, port.inputs["securityGroupIds"])


def is_isolated(host: str) -> bool:
    """Whether the host's port has no security group. Raises CloudError, StackError (no such port)."""
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
        with openstack.connect(api_timeout=REQUEST_TIMEOUT) as cloud:
            yield cloud.network
    except (SDKException, ClientException) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise CloudError(f"{failed}: {reason}") from None
