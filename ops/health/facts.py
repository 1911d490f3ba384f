"""Facts: what was observed of a deployment, without any assessment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Unseen:
    """Something that could not be observed. `explained`: the host's own finding already gives the reason."""

    why: str
    explained: bool = False


@dataclass(frozen=True)
class HostState:
    """`status`: nova's, "missing" without a server, None if the cloud did not answer. `fault`, `task`: nova's, or "".

    `ssh`: why the host gave no answers, None if it did; `connected`: whether SSH itself worked; `isolated`: its port
    has no security group, so that no host accepts its connections. `place`: the same text for hosts on the same compute
    host, "" if it is unknown.
    """

    role: str
    server: str
    status: str | None
    fault: str = ""
    ssh: str | None = None
    connected: bool = False
    task: str = ""
    isolated: bool = False
    place: str = ""


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

    @property
    def fencing(self) -> tuple[Resource, ...]:
        return tuple(resource for resource in self.resources if resource.agent.startswith("stonith:"))


@dataclass(frozen=True)
class Process:
    """A process of the datasource node; `state` as in ps (S: sleeping, T: stopped by a signal)."""

    pid: int
    state: str


@dataclass(frozen=True)
class PolicyView:
    """A policy at one engine. `present`: whether the engine has it. `missing`: rules of the database that it lacks.

    `complete`: the engine answered everything about it in time.
    """

    present: bool
    missing: tuple[str, ...]
    tables: tuple[str, ...]
    rules: int
    complete: bool


@dataclass(frozen=True)
class DatasourceView:
    """A datasource at one engine. `present`: whether the engine has it.

    `code`: HTTP status of its status, 0 without an answer in time. `rows`: in all of its tables, None if an older
    version does not report them. `age`: seconds since its last update.
    """

    present: bool
    code: int
    last_error: str
    rows: int | None = None
    age: int | None = None


@dataclass(frozen=True)
class Lag:
    """How far an engine lags: of its `subscribed` tables, `behind` miss their datasource's last publication.

    `silent`: datasources that did not report their publications in time.
    """

    subscribed: int
    behind: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()


@dataclass(frozen=True)
class EngineView:
    """An engine's answer to GET /health (`code`, after `ms` milliseconds), and what it has in memory.

    `listed`: HTTP status of GET /v1/policies, None if it was not requested; with 401, its memory requires a token.
    `datasources`: None if GET /v1/data-sources failed. `loading`: what it still loads after its start.
    `lag`: None if it was not reported.
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
    """`unit`: systemd's active state and substate. `restarts`: how often systemd restarted it.

    `cpu`: cores that its process used during the probes, None if that was not measured.
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
class Shares:
    """A host's state of a virtual address. `keepalived`: the unit's active state. `holds`: the host has the address."""

    keepalived: str
    holds: bool


@dataclass(frozen=True)
class Database:
    """`waiting`: statements that wait 5 s or more for a lock, up to `waiting_seconds`.

    `changed`: seconds since the last change of a policy or rule, None if there never was one.
    """

    connections: int
    max_connections: int
    waiting: int
    waiting_seconds: int
    changed: int | None


@dataclass(frozen=True)
class Bus:
    """`alarms`: RabbitMQ's alarms as an Erlang term, "" if there are none. `consumers`: datasource nodes on the bus."""

    alarms: str
    connections: int
    consumers: int


@dataclass(frozen=True)
class Disk:
    """A filesystem by its mount point. `used`: percent of its space or its inodes, whichever is more."""

    mount: str
    used: int
    free_mib: int


@dataclass(frozen=True)
class Facts:
    """All facts. Keys are host names, for `engines` node ids.

    `balancers`: node id -> engine as each load balancer sees it. `addresses`: each load balancer's state of the virtual
    address, empty if there is none.

    `cloud`: why the cloud did not answer, None if it did. `endpoint`, `pings`: milliseconds. `certificates`: row of the
    table -> days until its certificate ends.
    """

    cloud: str | None
    hosts: Mapping[str, HostState]
    clusters: Mapping[str, Cluster | Unseen]
    processes: Mapping[str, tuple[Process, ...] | Unseen]
    pings: Mapping[str, int | Unseen]
    engines: Mapping[str, EngineState]
    balancers: Mapping[str, Mapping[str, Backend] | Unseen]
    addresses: Mapping[str, Shares | Unseen]
    endpoint: int | Unseen
    database: Database | Unseen
    bus: Bus | Unseen
    certificates: Mapping[str, int | Unseen]
    disks: Mapping[str, tuple[Disk, ...] | Unseen]
