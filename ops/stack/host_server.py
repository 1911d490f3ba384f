"""A host's server as the state has it."""

from __future__ import annotations

from dataclasses import dataclass

from components.preflight.state import SERVER, STEP, Resource, State
from ops.stack.outputs import StackError
from ops.stack.pulumi import read_state


@dataclass(frozen=True)
class Server:
    """`id`: the cloud's. `gone`: it was deleted by a replacement that did not come to its new server.

    `steps`: URNs of the remote steps that make a host of it, the one on the bastion that waits for it included.
    """

    urn: str
    id: str
    gone: bool
    steps: tuple[str, ...] = ()


def server(host: str) -> Server:
    """As it is now. Raises StackError."""
    return find(host, read_state())


def find(host: str, state: State) -> Server:
    """Raises StackError when the state has no server of that name."""
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
    """Whether a step makes a host of its server. The bastion waits for the others: that is theirs."""
    if step.name.endswith("-reachable"):
        return step.name == f"{host}-reachable"
    return step.deleted_with == server
