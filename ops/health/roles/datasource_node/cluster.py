"""What Pacemaker and the kernel report of the pair of datasource node hosts."""

from __future__ import annotations

from dataclasses import dataclass

# Pacemaker's name of the datasource node.
NODE = "ds-node"


@dataclass(frozen=True)
class Node:
    name: str
    online: bool
    standby: bool
    maintenance: bool
    unclean: bool
    pending: bool

    @property
    def is_in_cluster(self) -> bool:
        return self.online and not self.unclean and not self.pending

    @property
    def is_off(self) -> bool:
        """Whether the cluster regards it as stopped, in good order or after fencing."""
        return not (self.online or self.unclean or self.pending)


@dataclass(frozen=True)
class Resource:
    id: str
    agent: str
    role: str
    nodes: tuple[str, ...]
    failed: bool
    blocked: bool
    managed: bool

    @property
    def state(self) -> str:
        return f"{self.role}, but failed" if self.failed else self.role

    @property
    def started(self) -> bool:
        return self.role == "Started" and bool(self.nodes) and not self.failed


@dataclass(frozen=True)
class Failure:
    resource: str
    node: str
    task: str
    reason: str


@dataclass(frozen=True)
class FenceEvent:
    action: str
    target: str
    status: str
    reason: str


@dataclass(frozen=True)
class Cluster:
    """The cluster as one of its hosts sees it. `fence_events`: newest first.

    `move_constraints`: ids of constraints that `crm resource move` or `ban` left behind.
    """

    quorum: bool
    maintenance: bool
    stonith_enabled: bool
    nodes: tuple[Node, ...]
    resources: tuple[Resource, ...]
    failures: tuple[Failure, ...] = ()
    fence_events: tuple[FenceEvent, ...] = ()
    move_constraints: tuple[str, ...] = ()

    def member(self, server: str) -> Node | None:
        return next((node for node in self.nodes if node.name == server), None)

    @property
    def fencing(self) -> tuple[Resource, ...]:
        return tuple(resource for resource in self.resources if resource.agent.startswith("stonith:"))


@dataclass(frozen=True)
class Process:
    """A process of the datasource node; `state` as in ps (S: sleeping, T: stopped by a signal)."""

    pid: int
    state: str
