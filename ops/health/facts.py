"""What a look at a deployment found, before anybody judges it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Unseen:
    """Something that could not be looked at. `told`: the host's own finding tells the reason already."""

    why: str
    explained: bool = False


@dataclass(frozen=True)
class HostState:
    """`status`: nova's, "missing" without a server, None when the cloud was not reached.

    `ssh`: why the host gave no answers; `connected`: it let us in all the same; `task`: nova's, "" without;
    `isolated`: its port has no security group, so that nobody reaches it.
    """

    role: str
    server: str
    status: str | None
    fault: str = ""
    ssh: str | None = None
    connected: bool = False
    task: str = ""
    isolated: bool = False


@dataclass(frozen=True)
class Node:
    name: str
    online: bool
    standby: bool
    maintenance: bool
    unclean: bool
    pending: bool


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
    """The pair as one of its hosts sees it. `fence_events`: newest first. `moved`: a move's constraints."""

    quorum: bool
    maintenance: bool
    stonith_enabled: bool
    nodes: tuple[Node, ...]
    resources: tuple[Resource, ...]
    failures: tuple[Failure, ...] = ()
    fence_events: tuple[FenceEvent, ...] = ()
    move_constraints: tuple[str, ...] = ()

    @property
    def fencing(self) -> tuple[Resource, ...]:
        return tuple(resource for resource in self.resources if resource.agent.startswith("stonith:"))


@dataclass(frozen=True)
class Process:
    """A datasource node's process; `state` as ps tells it (S sleeps, T is stopped by a signal)."""

    pid: int
    state: str


@dataclass(frozen=True)
class PolicyView:
    """A policy at one engine. `missing`: rules of the database that the engine's memory lacks.

    `complete`: the engine answered everything about it in time.
    """

    known: bool
    missing: tuple[str, ...]
    tables: tuple[str, ...]
    rules: int
    complete: bool


@dataclass(frozen=True)
class DatasourceView:
    """A datasource at one engine. `code`: HTTP status of its status, 0 without an answer in time.

    `rows`: in all of its tables, None where a program of before does not tell; `age`: seconds since it was updated.
    """

    known: bool
    code: int
    last_error: str
    rows: int | None = None
    age: int | None = None


@dataclass(frozen=True)
class Lag:
    """Of an engine's `subscribed` tables those `behind` their datasources' last publications.

    `silent`: datasources that did not tell of their publications in time.
    """

    subscribed: int
    behind: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()


@dataclass(frozen=True)
class EngineView:
    """An engine's answer to GET /health (`code`, after `ms` milliseconds), and its memory.

    `listed`: status of GET /v1/policies, None when it was not asked; with 401, memory takes a token to look at.
    `datasources`: None when GET /v1/data-sources failed. `loading`: what it says that it loads since its start.
    `lag`: None when it did not tell.
    """

    code: int
    ms: int
    listed: int | None = None
    sync_period: int = 0
    policies: Mapping[str, PolicyView] | None = None
    datasources: Mapping[str, DatasourceView] | None = None
    loading: str = ""
    lag: Lag | None = None


@dataclass(frozen=True)
class EngineState:
    """`unit`: systemd's active state and substate; `restarts`: how often systemd restarted it.

    `cpu`: cores that its process used meanwhile, None where that could not be seen.
    """

    host: str
    unit: tuple[str, str] | Unseen
    restarts: int
    view: EngineView | Unseen
    cpu: float | None = None


@dataclass(frozen=True)
class Backend:
    """A policy engine as HAProxy sees it: status (UP, DOWN, MAINT, ...) and its last check."""

    status: str
    check: str


@dataclass(frozen=True)
class Database:
    """`waiting`: statements that wait 5 s or more for a lock. `changed`: seconds since a policy's change."""

    connections: int
    max_connections: int
    waiting: int
    waiting_seconds: int
    changed: int | None


@dataclass(frozen=True)
class Bus:
    """`alarms`: Erlang's text of RabbitMQ's alarms, "" without; `consumers`: datasource nodes on the bus."""

    alarms: str
    connections: int
    consumers: int


@dataclass(frozen=True)
class Disk:
    """A filesystem, by where it is mounted; `used` in percent, of its room or its inodes, whichever is more."""

    mount: str
    used: int
    free_mib: int


@dataclass(frozen=True)
class Facts:
    """Hosts and their disks by the host's name, engines by node id; `endpoint` and `pings` in milliseconds.

    `certificates`: days that are left of each, by the table's row.
    """

    cloud: str | None
    hosts: Mapping[str, HostState]
    clusters: Mapping[str, Cluster | Unseen]
    processes: Mapping[str, tuple[Process, ...] | Unseen]
    pings: Mapping[str, int | Unseen]
    engines: Mapping[str, EngineState]
    balancer: Mapping[str, Backend] | Unseen
    endpoint: int | Unseen
    database: Database | Unseen
    bus: Bus | Unseen
    certificates: Mapping[str, int | Unseen]
    disks: Mapping[str, tuple[Disk, ...] | Unseen]
