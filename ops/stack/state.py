"""What Pulumi's state says that a stack is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from components.preflight.scope import Scope
from ops.stack.checkpoint import scope_of
from ops.stack.outputs import ask_pulumi

STEP = "command:remote:Command"


@dataclass(frozen=True)
class Resource:
    """A resource of the cloud, or a step. `inputs`: as the program wants it, secrets encrypted.

    `host`: the host that it ends with, "" without; a step runs there. `protected`: Pulumi would not delete it.
    """

    urn: str
    type: str
    id: str
    inputs: Mapping[str, Any]
    host: str = ""
    protected: bool = False

    @property
    def name(self) -> str:
        return name_of(self.urn)


def name_of(urn: str) -> str:
    """The last part of a URN: the name of a resource in the program."""
    return urn.rsplit("::", 1)[-1]


@dataclass(frozen=True)
class State:
    """`scope`: where the stack is."""

    resources: tuple[Resource, ...]
    scope: Scope | None = None

    def of(self, type_: str) -> dict[str, Resource]:
        """Id -> resource."""
        return {resource.id: resource for resource in self.resources if resource.type == type_}

    def steps(self, host: str) -> dict[str, str]:
        """Name of each step of a host -> its URN."""
        return {r.name: r.urn for r in self.resources if r.type == STEP and r.host == host}


def read_state() -> State:
    """The state of stack $STACK. Raises StackError."""
    return parse_state(ask_pulumi("stack", "export"))


def parse_state(exported: Mapping[str, Any]) -> State:
    """From what `pulumi stack export` prints. Resources that wait for their deletion are left out."""
    resources = exported["deployment"].get("resources", [])
    return State(
        tuple(
            Resource(
                urn=resource["urn"],
                type=resource["type"],
                id=resource["id"],
                inputs=resource.get("inputs", {}),
                host=name_of(resource.get("deletedWith") or ""),
                protected=resource.get("protect", False),
            )
            for resource in resources
            if "id" in resource and not resource.get("delete")
        ),
        scope_of(resources),
    )
