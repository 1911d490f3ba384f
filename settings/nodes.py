"""Settings of Congress's nodes: the policy engines, and the datasource node with its fencing."""

from __future__ import annotations

import posixpath
from pathlib import PurePosixPath
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, field_validator, model_validator

from roles import POLICY_ENGINE
from settings.types import AbsolutePath, Duration, Model, Name, NodeId

# Pacemaker's sandbox hides these folders from the datasource node, and gives it private temporary folders.
HIDDEN = ("/home", "/root")
TEMPORARY = ("/tmp", "/var/tmp")  # noqa: S108  refused, not used
# Timeout of a monitor in seconds, recommended by the metadata of Congress's own agent.
RECOMMENDED_TIMEOUT = 5


def _seen_by_the_node(path: str) -> str:
    for folder in (*HIDDEN, *TEMPORARY):
        if PurePosixPath(posixpath.normpath(path)).is_relative_to(folder):
            raise ValueError(
                f"Pacemaker and the datasource node cannot read files in {folder}; choose another path"
            )
    return path


# Corosync's token in whole seconds. If it were above 10 s, two hosts might notice a cut link more than 10 s apart. Then
# the host that must wait 10 s before it fences could fence first.
Token = Annotated[str, Field(pattern=r"^([1-9]|10)s$")]


def _free_for_the_stack(path: str) -> str:
    """Check that the path is free: the stack creates a link there, which must not replace a file of another program."""
    if not PurePosixPath(posixpath.normpath(path)).match("/etc/congress*/*.conf"):
        raise ValueError(
            "the stack puts a link there: choose a name that ends in .conf in /etc/congress, "
            "or in another folder /etc/congress-..."
        )
    return path


NodePath = Annotated[AbsolutePath, AfterValidator(_seen_by_the_node)]


class PolicyEngines(Model):
    """Step 3 in the document's list: "Deploy N (at least 2) policy-engine nodes"."""

    count: int = Field(2, ge=2, le=50, description="number of policy engines, at least 2", examples=[2])
    per_host: int = Field(
        1, ge=1, le=10, description="engines on one host, each with its own port", examples=[1]
    )
    max_unavailable: int = Field(
        1,
        ge=1,
        le=49,
        description="engines that a change may take out of service at the same time, below count",
        examples=[1],
    )
    base_port: int = Field(
        1789, ge=1024, le=65000, description="port of a host's first engine", examples=[1789]
    )
    sync_period: int = Field(
        5, ge=1, le=60, description="seconds until an engine knows a rule made at another", examples=[5]
    )
    # Below the 120 s for which Congress's API waits for its engine, and so below HAProxy's `timeout server`.
    evaluation_limit: int = Field(
        60,
        ge=1,
        le=110,
        description="seconds after which the evaluation of a policy ends with an error",
        examples=[60],
    )

    @property
    def hosts(self) -> int:
        return -(-self.count // self.per_host)

    @model_validator(mode="after")
    def _some_are_left(self) -> Self:
        problems: list[str] = []
        if self.per_host >= self.count:
            problems.append(
                f"perHost {self.per_host} would put all {self.count} engines on one host, and one fault would end "
                "them all; perHost must be below count"
            )
        if self.max_unavailable >= self.count:
            problems.append(
                f"maxUnavailable {self.max_unavailable} would let a change stop all {self.count} engines at the same "
                "time; maxUnavailable must be below count"
            )
        if problems:
            raise ValueError("; ".join(problems))
        return self


class FencingLogin(Model):
    """A user of the cloud for Debian's own agent, fence_openstack, which can log in by password only."""

    username: Name = Field(description="user of the cloud", examples=["congress-fencing"])
    password: SecretStr = Field(min_length=1, description="its password", examples=[""])
    user_domain: Name = Field("Default", description="domain of the user", examples=["Default"])
    project: Name = Field(description="project of the stack's servers", examples=["congress"])
    project_domain: Name = Field("Default", description="domain of the project", examples=["Default"])


class DatasourceNode(Model):
    """Step 4 in the document's list: one datasource-drivers node, the parameters of its resource agent, its fencing."""

    node_id: NodeId = Field(
        "datasource-node", description="id of the datasource node", examples=["datasource-node"]
    )
    monitor_interval: Duration = Field("30s", description="interval of the agent's monitor", examples=["30s"])
    monitor_timeout: Duration = Field("30s", description="timeout of the agent's monitor", examples=["30s"])
    token: Token = Field(
        "1s",
        description="silence after which one host of the pair takes the other for lost, 1s to 10s; each second more is "
        "2.2 s more until the node runs on the other host",
        examples=["1s"],
    )
    config: Annotated[NodePath, AfterValidator(_free_for_the_stack)] = Field(
        "/etc/congress/congress.conf",
        description="name of Congress's configuration file for the agent, the same on both hosts",
        examples=["/etc/congress/congress.conf"],
    )
    binary: NodePath = Field(
        "/usr/local/bin/congress-server",
        description="what the agent starts",
        examples=["/usr/local/bin/congress-server"],
    )
    additional_parameters: str = Field(
        "",
        pattern=r"^[A-Za-z0-9 ._=/,:-]*$",
        description="more options for congress-server",
        examples=["--debug"],
    )
    fencing: Literal["openstack", "fence_openstack", "none"] = Field(
        "openstack",
        description="who stops a host of the pair that is lost; openstack: our agent, with an application credential; "
        "fence_openstack: Debian's, with fencingLogin; none: nobody, and then a split pair runs two datasource nodes",
        examples=["openstack"],
    )
    fencing_access_rules: bool = Field(
        default=True,
        description="limit the application credential to these two servers; false for a cloud whose keystone has no "
        "access rules or whose nova has no service_type in [keystone_authtoken]",
        examples=[True],
    )
    fencing_login: FencingLogin | None = Field(
        None, description="for fencing: fence_openstack", examples=[{"username": "congress-fencing"}]
    )

    @property
    def token_seconds(self) -> int:
        return int(self.token.removesuffix("s"))

    @field_validator("monitor_timeout")
    @classmethod
    def _long_enough_for_the_agent(cls, value: str) -> str:
        if value in {f"{seconds}s" for seconds in range(1, RECOMMENDED_TIMEOUT)}:
            raise ValueError(
                f"the agent itself advises {RECOMMENDED_TIMEOUT}s or more: a monitor that a busy host does not end in "
                "time counts as a failure, and the node is restarted for nothing"
            )
        return value

    @field_validator("node_id")
    @classmethod
    def _distinct_from_engines(cls, value: str) -> str:
        if value.startswith(taken := f"{POLICY_ENGINE.name}-"):
            raise ValueError(f"ids that start with {taken} belong to the policy engines; choose another")
        return value

    @model_validator(mode="after")
    def _login_where_it_is_used(self) -> Self:
        if self.fencing == "fence_openstack" and self.fencing_login is None:
            raise ValueError("fencing: fence_openstack logs in by password: set fencingLogin")
        if self.fencing != "fence_openstack" and self.fencing_login is not None:
            raise ValueError(
                "fencingLogin is for fencing: fence_openstack; remove it, its password is not used"
            )
        return self
