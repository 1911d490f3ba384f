"""Parses a stack's state in the format of `pulumi stack export` (pkg/resource/stack of Pulumi: DeploymentV3).

No other module parses it. It does not use Pulumi: the program reads the stack's scope, the operator's commands read the
stack's resources.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from components.preflight.scope import Scope, recorded
from policy_code.begun import NOTHING_BEGUN, Begun

STACK = "pulumi:pulumi:Stack"
PROVIDER = "pulumi:providers:openstack"
STEP = "command:remote:Command"
POLICIES = "congress-ha:index:Policies"
POLICIES_BEGUN = "congress-ha:index:PoliciesBegun"
SERVER = "openstack:compute/instance:Instance"
SERVER_GROUP = "openstack:compute/serverGroup:ServerGroup"
NETWORK = "openstack:networking/network:Network"
SUBNET = "openstack:networking/subnet:Subnet"
ROUTER = "openstack:networking/router:Router"
ROUTER_INTERFACE = "openstack:networking/routerInterface:RouterInterface"
PORT = "openstack:networking/port:Port"
GROUP = "openstack:networking/secGroup:SecGroup"
RULE = "openstack:networking/secGroupRule:SecGroupRule"
ADDRESS = "openstack:networking/floatingIp:FloatingIp"

NEVER = datetime(1, 1, 1, tzinfo=UTC)


def name_of(urn: str) -> str:
    """The last part of a URN: the name of a resource in the program."""
    return urn.rsplit("::", 1)[-1]


@dataclass(frozen=True)
class Resource:
    """A resource of the cloud, a step, a provider, or a component, whose `id` is "".

    `inputs`: the program's inputs, secrets encrypted. `deleted_with`: URN of the resource whose deletion ends it, "" if
    there is none. `protected`: Pulumi does not delete it. `retired`: a newer one exists, and this one waits for its
    deletion. `replaced`: a replacement has deleted it, but has not created the newer one.
    """

    urn: str
    type: str
    id: str
    inputs: Mapping[str, Any]
    deleted_with: str = ""
    protected: bool = False
    retired: bool = False
    replaced: bool = False

    @property
    def name(self) -> str:
        return name_of(self.urn)

    @property
    def host(self) -> str:
        """The host whose deletion ends it (for a step: on which it runs), "" if there is none."""
        return name_of(self.deleted_with)


@dataclass(frozen=True)
class Pending:
    """An operation that started and whose end is not in the state.

    `operation`: creating, updating, deleting, ... `type`: Pulumi's type token. `inputs`: of the provider. `login`: the
    cloud of clouds.yaml whose user started it, None for the deployer.
    """

    operation: str
    urn: str
    type: str
    inputs: Mapping[str, Any]
    login: str | None = None

    @property
    def name(self) -> str:
        return name_of(self.urn)

    @property
    def creates(self) -> bool:
        return self.operation == "creating"

    @property
    def in_cloud(self) -> bool:
        return self.type.startswith("openstack:")

    @property
    def component(self) -> bool:
        """Whether it is a component, which only groups other resources."""
        return self.type.startswith("congress-ha:")


@dataclass(frozen=True)
class State:
    """`resources`: of the cloud, steps, providers. `others`: components and retired resources. `scope`: of the stack.

    `pending`: operations of an interrupted run. `written`: when the state was stored last. `policies`: the
    declaration of policies and datasources that was applied last, None without one. `begun`: those that `up` began to
    apply.
    """

    resources: tuple[Resource, ...]
    scope: Scope | None = None
    others: tuple[Resource, ...] = ()
    pending: tuple[Pending, ...] = ()
    written: datetime = NEVER
    policies: Mapping[str, Any] | None = None
    begun: Begun = NOTHING_BEGUN

    @property
    def everything(self) -> tuple[Resource, ...]:
        return (*self.resources, *self.others)

    @property
    def ids(self) -> frozenset[str]:
        """Every id in it."""
        return frozenset(one.id for one in self.everything if one.id)

    @property
    def step_names(self) -> frozenset[str]:
        """Names of the steps that have succeeded at least once."""
        return frozenset(one.name for one in self.everything if one.type == STEP)

    def of(self, type_: str) -> dict[str, Resource]:
        """Id -> resource, for the resources of this type."""
        return {resource.id: resource for resource in self.resources if resource.type == type_}

    def steps(self, host: str) -> dict[str, str]:
        """Name of each step of a host -> its URN."""
        return {r.name: r.urn for r in self.resources if r.type == STEP and r.host == host}


def parse_state(exported: Mapping[str, Any]) -> State:
    """Parse the JSON object that `pulumi stack export` prints."""
    deployment = exported.get("deployment") or {}
    listed = deployment.get("resources") or []
    resources = [_resource(one) for one in listed]
    # Only the program's own providers: the engine's default provider is the deployer's login (default_5_5_1).
    logins = {
        f"{one.urn}::{one.id}": one.inputs.get("cloud")
        for one in resources
        if one.type == PROVIDER and not one.name.startswith("default")
    }
    stored = (deployment.get("manifest") or {}).get("time")
    outputs = next((one.get("outputs") for one in listed if one["type"] == STACK), None)
    return State(
        resources=tuple(one for one in resources if one.id and not one.retired),
        others=tuple(one for one in resources if not one.id or one.retired),
        # A state of an older program, or of a first `up`, has no such output, so the resources are read, too.
        scope=recorded(outputs or {}, listed),
        pending=tuple(_pending(one, logins) for one in deployment.get("pending_operations") or []),
        written=datetime.fromisoformat(stored) if stored else NEVER,
        policies=_declaration(outputs or {}, listed),
        begun=_begun(listed),
    )


def _declaration(stack: Mapping[str, Any], listed: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The component's output. An older program wrote the stack's output `policies`, which is only a summary now."""
    applied: Mapping[str, Any] | None = _of_component(POLICIES, "outputs", listed).get("applied")
    former: Mapping[str, Any] | None = stack.get("policies")
    return applied or (former if former and isinstance(former["policies"], Mapping) else None)


def _begun(listed: Sequence[Mapping[str, Any]]) -> Begun:
    """What the engine stored before the step of an attempt, and whether that step has ended."""
    inputs = _of_component(POLICIES_BEGUN, "inputs", listed)
    attempt = int(inputs.get("attempt", 0))
    secret = inputs.get("declarations", {}).get("plaintext", "[]")
    return Begun(
        attempt,
        tuple(inputs.get("digests", ())),
        tuple(json.loads(secret)),
        finished=attempt == int(_of_component(POLICIES, "outputs", listed).get("attempt", 0)),
        first=inputs.get("first", True),
    )


def _of_component(type_: str, part: str, listed: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    return next((one.get(part) or {} for one in listed if one["type"] == type_), {})


def _resource(listed: Mapping[str, Any]) -> Resource:
    return Resource(
        urn=listed["urn"],
        type=listed["type"],
        id=listed.get("id", ""),
        inputs=listed.get("inputs") or {},
        deleted_with=listed.get("deletedWith") or "",
        protected=listed.get("protect", False),
        retired=listed.get("delete", False),
        replaced=listed.get("pendingReplacement", False),
    )


def _pending(operation: Mapping[str, Any], logins: Mapping[str, str | None]) -> Pending:
    resource = operation["resource"]
    login = logins.get(resource.get("provider", ""))
    return Pending(operation["type"], resource["urn"], resource["type"], resource.get("inputs") or {}, login)
