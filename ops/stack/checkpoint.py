"""A stack's state as Pulumi exports it: what it knows of the cloud, and what an interrupted run left undecided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from components.preflight.scope import Scope, recorded

SERVER = "openstack:compute/instance:Instance"
PROVIDER = "pulumi:providers:openstack"
STACK = "pulumi:pulumi:Stack"
NEVER = "0001-01-01T00:00:00Z"


@dataclass(frozen=True)
class Pending:
    """An operation that was begun and of whose end the state knows nothing.

    `operation`: creating, updating, deleting, ...; `type`: Pulumi's token; `inputs` as the provider got them;
    `login`: the cloud of clouds.yaml as whose user it was begun, None for the deployer.
    """

    operation: str
    urn: str
    type: str
    inputs: Mapping[str, Any]
    login: str | None = None

    @property
    def name(self) -> str:
        return self.urn.rsplit("::", 1)[1]

    @property
    def creates(self) -> bool:
        return self.operation == "creating"

    @property
    def in_cloud(self) -> bool:
        return self.type.startswith("openstack:")

    @property
    def component(self) -> bool:
        """It groups others, and is nothing itself."""
        return self.type.startswith("congress-ha:")


@dataclass(frozen=True)
class Checkpoint:
    """`written`: when the state was stored last; `known`: every id in it; `spared`: URNs in it, left to the next run.
    `servers`: id -> name in the cloud, but for spared ones and those of which Pulumi says that they are deleted.
    `leaving`: ids of those whose deletion was begun; `protected`: of those that Pulumi would not delete; `scope`: where
    the stack is.
    """

    written: datetime
    known: frozenset[str]
    spared: frozenset[str]
    servers: Mapping[str, str]
    pending: tuple[Pending, ...]
    leaving: frozenset[str] = frozenset()
    protected: frozenset[str] = frozenset()
    scope: Scope | None = None

    @property
    def empty(self) -> bool:
        """Nothing in it is of a cloud."""
        return not (self.pending or self.servers or self.scope)


def parse(exported: Mapping[str, Any], spared: frozenset[str] = frozenset()) -> Checkpoint:
    """Read the object that `pulumi stack export` prints (pkg/resource/stack of Pulumi: DeploymentV3)."""
    deployment = exported.get("deployment") or {}
    resources = deployment.get("resources") or []
    servers = [
        resource for resource in resources if resource["type"] == SERVER and resource["urn"] not in spared
    ]
    # Those of the program's own: the deployer's has the name that the engine gave it, such as default_5_5_1.
    logins = {
        f"{resource['urn']}::{resource['id']}": resource["inputs"].get("cloud")
        for resource in resources
        if resource["type"] == PROVIDER and not resource["urn"].rsplit("::", 1)[1].startswith("default")
    }
    operations = deployment.get("pending_operations") or []
    deleted = {operation["resource"]["urn"] for operation in operations if operation["type"] == "deleting"}
    return Checkpoint(
        written=datetime.fromisoformat(deployment.get("manifest", {}).get("time", NEVER)),
        known=frozenset(resource["id"] for resource in resources if resource.get("id")),
        spared=frozenset(resource["urn"] for resource in resources) & spared,
        servers={
            server["id"]: server["inputs"]["name"]
            for server in servers
            if not (server.get("delete") or server.get("pendingReplacement"))
        },
        pending=tuple(
            Pending(
                operation["type"],
                operation["resource"]["urn"],
                operation["resource"]["type"],
                operation["resource"].get("inputs") or {},
                logins.get(operation["resource"].get("provider", "")),
            )
            for operation in operations
        ),
        leaving=frozenset(server["id"] for server in servers if server["urn"] in deleted),
        protected=frozenset(server["id"] for server in servers if server.get("protect")),
        scope=scope_of(resources),
    )


def scope_of(resources: Sequence[Mapping[str, Any]]) -> Scope | None:
    """Where a stack is, by its outputs, or by its resources where an older program, or a first `up`, left none."""
    outputs = next((one.get("outputs") for one in resources if one["type"] == STACK), None)
    return recorded(outputs or {}, resources)
