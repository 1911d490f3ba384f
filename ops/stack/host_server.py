"""A host's server in Pulumi's state."""

from __future__ import annotations

from dataclasses import dataclass

from components.preflight.state import SERVER, STEP, Resource, State
from ops.stack.outputs import StackError
from ops.stack.pulumi import read_state


@dataclass(frozen=True)
class Server:
    """`id`: the server's id in the cloud. `gone`: an interrupted replacement deleted it and made no new one.

    `steps`: URNs of the remote steps that configure it, with the bastion's step that waits for it.
    """

    urn: str
    id: str
    gone: bool
    steps: tuple[str, ...] = ()


def server(host: str) -> Server:
    """The host's server in the current state. Raises StackError."""
    return find(host, read_state())


def find(host: str, state: State) -> Server:
    """The host's server in a state. Raises StackError if there is none."""
    for resource in state.everything:
        if resource.type == SERVER and resource.name == host:
            steps = tuple(
                other.urn
                for other in state.everything
                if other.type == STEP and _makes(other, host, resource.urn)
            )
            return Server(resource.urn, resource.id, resource.replaced, steps)
    raise StackError(f"the stack's state has no server of {host}: make up")


def _makes(step: Resource, host: str, server: str) -> bool:
    """Whether a step configures the host. The bastion's `HOST-reachable` steps belong to the host they wait for."""
    if step.name.endswith("-reachable"):
        return step.name == f"{host}-reachable"
    return step.deleted_with == server
